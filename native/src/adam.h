// Adam with decoupled weight decay (AdamW: Kingma and Ba 2015, Loshchilov and Hutter 2019) as PyTorch has it:
// beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, with bias correction.
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

struct AdamStep {
  double learningRate;
  double weightDecay;    // value -= learningRate weightDecay value, before the step
  double gradientScale;  // the gradient is multiplied by it first
  int64_t number;        // counted from 1
};

void adamStep(TrainedTensor& tensor, const AdamStep& step, int threads);

// Sum of the squares of the gradient. Its order of summation does not depend on `threads`.
double squaredNorm(const std::vector<float>& gradient, int threads);
