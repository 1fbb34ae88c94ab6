// Training on x = (h - mean) / scale: the mean of every dimension, one common scale of all.
#pragma once

#include <atomic>
#include <stdexcept>
#include <vector>

#include "training_data.h"
#include "value_function.h"

struct TrainingCancelled : std::runtime_error {
  TrainingCancelled() : std::runtime_error("the training was cancelled") {}
};

struct Standardisation {
  std::vector<float> mean;  // empty: states are taken as they are
  float scale = 1;

  // In place, to states (rows, inputDim).
  void apply(float* states, size_t rows) const;
  // A first layer for raw states as one for standardised ones, and back.
  void unfold(LinearLayer& first) const;
  void fold(LinearLayer& first) const;
};

// Reads every state once, off the file, and refuses those that are not finite (std::invalid_argument naming trajectory
// and token). The mean and scale of the training states when `standardise`; their sums do not depend on `threads`.
// Throws TrainingCancelled, and what TrainingData::read throws.
Standardisation measureStates(const TrainingData& data, bool standardise, int threads,
                              const std::atomic<bool>& cancelled);
