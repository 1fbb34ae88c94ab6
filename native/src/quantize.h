// Writes a model's weights as another type, by llama.cpp's own quantiser.
#pragma once

#include <napi.h>

// exports quantizeModel(source, target, {type: 'q4_0' | 'q4_k_m' | 'q8_0', threads}) -> Promise<undefined>
void initQuantize(Napi::Env env, Napi::Object exports);
