// The value function V(h) = wL . relu(... relu(W1 h + b1)) + bL: an MLP with at most two hidden layers,
// float32, that estimates from a language model's state h (inputDim) the reward a response will get.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "ascender.h"
#include "linear_layer.h"

class GraphAscent;
struct ggml_backend_device;

class ValueFunction {
 public:
  // The hidden layers in order, if any, then the output layer with one output. Throws std::invalid_argument when
  // the shapes do not fit together or a number is not finite.
  explicit ValueFunction(std::vector<LinearLayer> layers);
  ~ValueFunction();

  int inputDim() const { return layers_.front().inputs; }
  std::vector<int> hiddenDims() const;

  // V of each state, NaN for one that is not finite. states (rows, inputDim), out (rows).
  void values(const float* states, int rows, float* out) const;

  // dV/dh of each state. states and out (rows, inputDim).
  void gradients(const float* states, int rows, float* out) const;

  // Edits states (rows, inputDim) in place, as Ascender does; the first call prepares it. May be called from several
  // threads at once.
  void ascend(float* states, int rows, const Ascent& settings, const AscentReport& report, Team& team) const;

  // What the first `ascend` would do first: computes W1 W1^T.
  void prepare() const;

  // The same ascent on another device of ggml, made at the first call for that device and kept as long as this; null
  // when the device lacks an operation or memory for it. May be called from several threads at once.
  GraphAscent* ascentOn(ggml_backend_device* device) const;

  // The same by its definition, one gradient per update: what `ascend` is tested against.
  void ascendExplicit(float* states, int rows, const Ascent& settings, const AscentReport& report) const;

 private:
  const std::vector<LinearLayer> layers_;
  mutable std::once_flag prepared_;
  mutable std::unique_ptr<const Ascender> ascender_;
  mutable std::mutex graphsMutex_;
  mutable std::map<ggml_backend_device*, std::unique_ptr<GraphAscent>> graphs_;  // null: that device cannot
};

// Throws std::invalid_argument unless `layers` form a value function of finite numbers.
void validateLayers(const std::vector<LinearLayer>& layers);
