#include "value_function.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "gemm.h"
#include "graph_ascent.h"
#include "selection.h"

// Shapes: D = inputDim, H1 and H2 = hidden widths. A matrix (rows, n) holds one state's numbers per row.
// A unit is active where its pre-activation z > 0; relu'(0) is 0, as in PyTorch.

namespace {

using Layers = std::vector<LinearLayer>;
using Vector = std::vector<float>;

// Rows that share one pass over the weights; with their states they fit the second-level cache.
constexpr int rowsAtOnce = 16;

// z (rows, outputs) = x W^T + bias for x (rows, inputs).
void affine(const LinearLayer& layer, const float* x, int rows, float* z) {
  const size_t inputs = layer.inputs, outputs = layer.outputs;
  const float* W = layer.weight.data();
  size_t j = 0;
  for (; j + 4 <= outputs; j += 4) {
    const float* const weights[4] = {W + j * inputs, W + (j + 1) * inputs, W + (j + 2) * inputs, W + (j + 3) * inputs};
    for (int r = 0; r < rows; r++) dot4(weights, x + r * inputs, inputs, z + r * outputs + j);
  }
  for (; j < outputs; j++) {
    for (int r = 0; r < rows; r++) z[r * outputs + j] = dot(W + j * inputs, x + r * inputs, inputs);
  }
  for (int r = 0; r < rows; r++) axpy(z + r * outputs, 1, layer.bias.data(), outputs);
}

Vector relu(const Vector& z) {
  Vector a(z.size());
  for (size_t i = 0; i < z.size(); i++) a[i] = z[i] > 0 ? z[i] : 0;
  return a;
}

// Pre-activations of each hidden layer: z[l] (rows, outputs of layer l).
std::vector<Vector> forward(const Layers& layers, const float* states, int rows) {
  std::vector<Vector> z(layers.size() - 1);
  for (size_t l = 0; l < z.size(); l++) {
    z[l].resize(size_t(rows) * layers[l].outputs);
    affine(layers[l], l == 0 ? states : relu(z[l - 1]).data(), rows, z[l].data());
  }
  return z;
}

// V (rows) from the last hidden layer's pre-activations.
void output(const Layers& layers, const Vector& z, int rows, float* V) {
  affine(layers.back(), relu(z).data(), rows, V);
}

// dV/dz of the last hidden layer: wL where a unit is active.
Vector outputGradient(const Layers& layers, const Vector& z) {
  const Vector& weight = layers.back().weight;
  Vector s(z.size());
  for (size_t i = 0; i < z.size(); i++) s[i] = z[i] > 0 ? weight[i % weight.size()] : 0;
  return s;
}

// dV/dh (rows, D) at the states that have these pre-activations.
void backward(const Layers& layers, const std::vector<Vector>& z, int rows, float* gradient) {
  Vector s = outputGradient(layers, z.back());
  for (size_t l = z.size() - 1; l > 0; l--) {
    Vector below(z[l - 1].size());
    const LinearLayer& layer = layers[l];
    WideMatrix{layer.weight.data(), size_t(layer.inputs)}.addProducts(s.data(), layer.outputs, rows, 0, layer.inputs,
                                                                      below.data(), layer.inputs);
    for (size_t i = 0; i < below.size(); i++) below[i] = z[l - 1][i] > 0 ? below[i] : 0;
    s = std::move(below);
  }
  const LinearLayer& first = layers[0];
  std::fill(gradient, gradient + size_t(rows) * first.inputs, 0.0f);
  WideMatrix{first.weight.data(), size_t(first.inputs)}.addProducts(s.data(), first.outputs, rows, 0, first.inputs,
                                                                    gradient, first.inputs);
}

void requireFinite(const Vector& numbers, const std::string& what) {
  for (size_t i = 0; i < numbers.size(); i++) {
    if (!std::isfinite(numbers[i])) {
      throw std::invalid_argument(what + " is not finite at index " + std::to_string(i));
    }
  }
}

}  // namespace

// Valid layers; a linear V(h) = w . h + b as one with two units, relu(z) - relu(-z) for z = w . h + b, which is z exactly.
static Layers withHiddenLayer(Layers layers) {
  validateLayers(layers);
  if (layers.size() > 1) return layers;
  LinearLayer& hidden = layers[0];
  hidden.outputs = 2;
  for (int i = 0; i < hidden.inputs; i++) hidden.weight.push_back(-hidden.weight[i]);
  hidden.bias.push_back(-hidden.bias[0]);
  layers.push_back({2, 1, {1, -1}, {0}});
  return layers;
}

void validateLayers(const Layers& layers) {
  if (layers.empty() || layers.size() > 3) {
    throw std::invalid_argument("a value function has at most two hidden layers and an output layer, not " +
                                std::to_string(layers.size()) + " layers");
  }
  for (size_t l = 0; l < layers.size(); l++) {
    const LinearLayer& layer = layers[l];
    const std::string name = "layer " + std::to_string(l);
    if (layer.inputs < 1 || layer.outputs < 1) throw std::invalid_argument(name + " is empty");
    if (l > 0 && layer.inputs != layers[l - 1].outputs) {
      throw std::invalid_argument(name + " takes " + std::to_string(layer.inputs) +
                                  " inputs, but the layer before has " + std::to_string(layers[l - 1].outputs) +
                                  " outputs");
    }
    if (layer.weight.size() != size_t(layer.inputs) * layer.outputs || layer.bias.size() != size_t(layer.outputs)) {
      throw std::invalid_argument(name + ": the weight must hold outputs x inputs numbers and the bias one per output");
    }
    requireFinite(layer.weight, name + ": the weight");
    requireFinite(layer.bias, name + ": the bias");
  }
  if (layers.back().outputs != 1) throw std::invalid_argument("the output layer must have one output");
}

ValueFunction::ValueFunction(Layers layers) : layers_(withHiddenLayer(std::move(layers))) {}

ValueFunction::~ValueFunction() = default;

std::vector<int> ValueFunction::hiddenDims() const {
  std::vector<int> dims;
  for (size_t l = 0; l + 1 < layers_.size(); l++) dims.push_back(layers_[l].outputs);
  return dims;
}

void ValueFunction::values(const float* states, int rows, float* out) const {
  for (int first = 0; first < rows; first += rowsAtOnce) {
    const int count = std::min(rowsAtOnce, rows - first);
    const float* some = states + size_t(first) * inputDim();
    output(layers_, forward(layers_, some, count).back(), count, out + first);
    for (int r = 0; r < count; r++) {  // relu makes a zero of NaN
      const float* h = some + size_t(r) * inputDim();
      if (!std::isfinite(dot(h, h, inputDim()))) out[first + r] = NAN;
    }
  }
}

void ValueFunction::gradients(const float* states, int rows, float* out) const {
  for (int first = 0; first < rows; first += rowsAtOnce) {
    const int count = std::min(rowsAtOnce, rows - first);
    const size_t offset = size_t(first) * inputDim();
    backward(layers_, forward(layers_, states + offset, count), count, out + offset);
  }
}

void ValueFunction::ascend(float* states, int rows, const Ascent& settings, const AscentReport& report,
                           Team& team) const {
  prepare();
  ascender_->ascend(states, rows, settings, report, team);
}

void ValueFunction::prepare() const {
  std::call_once(prepared_, [this] { ascender_ = std::make_unique<const Ascender>(layers_); });
}

GraphAscent* ValueFunction::ascentOn(ggml_backend_device* device) const {
  const std::lock_guard<std::mutex> lock(graphsMutex_);
  const auto [place, added] = graphs_.try_emplace(device);
  if (added) {
    try {
      place->second = std::make_unique<GraphAscent>(device, layers_);
    } catch (const DeviceFailure&) {  // its states are then edited on the processor
    }
  }
  return place->second.get();
}

void ValueFunction::ascendExplicit(float* states, int rows, const Ascent& settings, const AscentReport& report) const {
  const size_t D = inputDim();
  Vector gradient(D), edit(D);
  values(states, rows, report.valueBefore);
  for (int r = 0; r < rows; r++) {
    float* h = states + r * D;
    const Vector start(h, h + D);
    const float norm = std::sqrt(dot(h, h, D)), limit = settings.maxEdit * norm;
    float value = report.valueBefore[r], length = 0;
    for (int k = 0; k < settings.updates && settings.stepSize != 0 && limit > 0; k++) {
      float a = settings.stepSize;
      if (!std::isnan(settings.target)) {
        values(h, 1, &value);
        if (std::fabs(settings.target - value) <= settings.tolerance) break;
        a *= 2 * (settings.target - value);
      }
      gradients(h, 1, gradient.data());
      axpy(h, a, gradient.data(), D);
      for (size_t d = 0; d < D; d++) edit[d] = h[d] - start[d];
      length = std::sqrt(dot(edit.data(), edit.data(), D));
      if (length <= limit) continue;
      for (size_t d = 0; d < D; d++) h[d] = start[d] + limit / length * edit[d];
      length = limit;
    }
    report.edit[r] = norm > 0 ? length / norm : 0;
  }
  values(states, rows, report.valueAfter);
}
