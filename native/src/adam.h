// Adam (Kingma and Ba 2015) as PyTorch has it: beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, with bias correction.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

// Weights or biases with their gradient and running moments, all of one length.
struct TrainedTensor {
  std::vector<float> value, gradient, firstMoment, secondMoment;
  explicit TrainedTensor(std::vector<float> initial)
      : value(std::move(initial)), gradient(value.size()), firstMoment(value.size()), secondMoment(value.size()) {}
};

// Step number `step`, counted from 1, along the tensor's gradient.
void adamStep(TrainedTensor& tensor, double learningRate, int64_t step, int threads);
