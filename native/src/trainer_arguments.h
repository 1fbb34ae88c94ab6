// Configuration and trajectories of a trainer from JavaScript; trainer.ts describes them to TypeScript.
#pragma once

#include <napi.h>

#include "trainer.h"

// Both throw a TypeError or RangeError that begins with the argument's name; `trainingDataFromJs` also an Error for a
// file that cannot be read or is too short.
TrainerConfig trainerConfigFromJs(Napi::Object object, int inputDim);
TrainingData trainingDataFromJs(Napi::Value trajectories, int inputDim);
