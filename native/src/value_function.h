// The value function V(h) = wL . relu(... relu(W1 h + b1)) + bL: an MLP with one or two hidden layers,
// float32, that estimates from a language model's state h (inputDim) the reward a response will get.
#pragma once

#include <mutex>
#include <vector>

// y = weight x + bias, weight (outputs, inputs) row-major, bias (outputs).
struct LinearLayer {
  int inputs = 0, outputs = 0;
  std::vector<float> weight, bias;
};

class ValueFunction {
 public:
  // The hidden layers in order, then the output layer with one output. Throws std::invalid_argument when
  // the shapes do not fit together or a number is not finite.
  explicit ValueFunction(std::vector<LinearLayer> layers);

  int inputDim() const { return layers_.front().inputs; }
  std::vector<int> hiddenDims() const;

  // V of each state. states (rows, inputDim), out (rows).
  void values(const float* states, int rows, float* out) const;

  // dV/dh of each state. states and out (rows, inputDim).
  void gradients(const float* states, int rows, float* out) const;

  // Gradient ascent in place: `updates` times h += stepSize * dV/dh. states (rows, inputDim);
  // valueBefore and valueAfter (rows) receive V of the states at the start and at the end. Works on the
  // hidden units' pre-activations z, with the same result as the explicit form up to rounding. (Where z
  // comes within rounding of 0 two float32 computations may disagree on whether a unit is active; their
  // paths then differ by that unit's share.) The first call also computes W1 W1^T. With no updates or a
  // step of 0 no bit of the states changes. May be called from several threads at once.
  void ascend(float* states, int rows, float stepSize, int updates, float* valueBefore, float* valueAfter) const;

  // The same by its definition, one gradient per update: what `ascend` is tested against.
  void ascendExplicit(float* states, int rows, float stepSize, int updates, float* valueBefore,
                      float* valueAfter) const;

 private:
  const float* gram() const;

  const std::vector<LinearLayer> layers_;
  mutable std::once_flag gramOnce_;
  mutable std::vector<float> gram_;  // G = W1 W1^T (H1, H1), computed when first needed
};

// Throws std::invalid_argument unless `layers` form a value function of finite numbers.
void validateLayers(const std::vector<LinearLayer>& layers);
