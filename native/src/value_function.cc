#include "value_function.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "gemm.h"

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

// Which rows of a matrix to add, and how often.
struct Selection {
  std::vector<int> index;
  Vector scale;

  void clear() {
    index.clear();
    scale.clear();
  }
  void add(size_t row, float by) {
    index.push_back(int(row));
    scale.push_back(by);
  }
};

// y (columns) += the selected rows of W (any, columns), scaled.
void addRows(const float* W, size_t columns, const Selection& selected, float* y) {
  size_t i = 0;
  for (; i + 4 <= selected.index.size(); i += 4) {
    const int* index = selected.index.data() + i;
    const float* const rows[4] = {W + index[0] * columns, W + index[1] * columns, W + index[2] * columns,
                                  W + index[3] * columns};
    axpy4(y, selected.scale.data() + i, rows, columns);
  }
  for (; i < selected.index.size(); i++) axpy(y, selected.scale[i], W + selected.index[i] * columns, columns);
}

// y (rows, columns) = s W for s (rows, count) and W (count, columns). A unit with s = 0 costs nothing.
void combine(const float* W, size_t count, size_t columns, const float* s, int rows, float* y) {
  constexpr size_t unitsAtOnce = 32;  // stay in the cache while every row takes its share of them
  std::fill(y, y + rows * columns, 0.0f);
  Selection selected;
  for (size_t first = 0; first < count; first += unitsAtOnce) {
    for (int r = 0; r < rows; r++) {
      selected.clear();
      for (size_t j = first; j < std::min(first + unitsAtOnce, count); j++) {
        if (s[r * count + j] != 0) selected.add(j, s[r * count + j]);
      }
      addRows(W, columns, selected, y + r * columns);
    }
  }
}

Vector relu(const Vector& z) {
  Vector a(z.size());
  for (size_t i = 0; i < z.size(); i++) a[i] = z[i] > 0 ? z[i] : 0;
  return a;
}

void keepActive(Vector& s, const Vector& z) {
  for (size_t i = 0; i < z.size(); i++) s[i] = z[i] > 0 ? s[i] : 0;
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
    combine(layers[l].weight.data(), layers[l].outputs, layers[l].inputs, s.data(), rows, below.data());
    keepActive(below, z[l - 1]);
    s = std::move(below);
  }
  combine(layers[0].weight.data(), layers[0].outputs, layers[0].inputs, s.data(), rows, gradient);
}

// Follows which units of one row are active; `changes` selects those that flipped in the last update, with
// their output weight where one became active and minus that where it ceased to be.
struct ActiveUnits {
  std::vector<unsigned char> active;
  std::vector<int> flipped;
  Selection changes;

  ActiveUnits(const float* z, size_t count) : active(count), flipped(count) {
    for (size_t j = 0; j < count; j++) active[j] = z[j] > 0;
  }

  void update(const float* z, const Vector& outputWeight) {
    size_t flips = 0;
    for (size_t j = 0; j < active.size(); j++) {  // without branches: a flip is rare and unpredictable
      const unsigned char now = z[j] > 0;
      flipped[flips] = int(j);
      flips += now != active[j];
      active[j] = now;
    }
    changes.clear();
    for (size_t i = 0; i < flips; i++) {
      const int j = flipped[i];
      changes.add(j, active[j] ? outputWeight[j] : -outputWeight[j]);
    }
  }
};

// One hidden layer. A step h += a W1^T s, with s = w2 where z > 0, is z += a G s with G = W1 W1^T, and
// G s changes only by the columns of units that flipped. So n steps are one pass over W1 for z, n cheap
// updates of z, and one pass over W1 for h += a W1^T (sum of the s).
// Leaves z (rows, H1) at the last step and the sum of the s in `sum` (rows, H1).
void ascendOneHidden(const Layers& layers, const float* G, int rows, float stepSize, int updates, Vector& z,
                     Vector& sum) {
  const size_t H1 = layers[0].outputs;
  const Vector& w2 = layers[1].weight;
  Vector Gs(z.size());
  combine(G, H1, H1, outputGradient(layers, z).data(), rows, Gs.data());
  for (int r = 0; r < rows; r++) {
    float* zr = z.data() + r * H1;
    float* Gsr = Gs.data() + r * H1;
    ActiveUnits units(zr, H1);
    std::vector<int> stepsActive(H1, 0);
    for (int k = 0; k < updates; k++) {
      for (size_t j = 0; j < H1; j++) stepsActive[j] += units.active[j];
      axpy(zr, stepSize, Gsr, H1);
      units.update(zr, w2);
      addRows(G, H1, units.changes, Gsr);  // G is symmetric: its rows are its columns
    }
    for (size_t j = 0; j < H1; j++) sum[r * H1 + j] = float(stepsActive[j]) * w2[j];
  }
}

// Two hidden layers. With u = W2^T s2, which changes by the rows of W2 whose units flipped, a step is
// z1 += a G (relu'(z1) . u), and z2 follows from z1: per step half of G and all of W2 are read, where
// the explicit form reads W1 and W2 twice. Leaves in `sum` (rows, H1) the sum of relu'(z1) . u.
void ascendTwoHidden(const Layers& layers, const float* G, int rows, float stepSize, int updates, Vector& z1,
                     Vector& z2, Vector& sum) {
  const size_t H1 = layers[0].outputs, H2 = layers[1].outputs;
  const float* W2 = layers[1].weight.data();
  const Vector& w3 = layers[2].weight;
  Vector u(z1.size()), s1, Gs(z1.size());
  combine(W2, H2, H1, outputGradient(layers, z2).data(), rows, u.data());
  std::vector<ActiveUnits> units;
  for (int r = 0; r < rows; r++) units.emplace_back(z2.data() + r * H2, H2);
  for (int k = 0; k < updates; k++) {
    s1 = u;
    keepActive(s1, z1);
    axpy(sum.data(), 1, s1.data(), s1.size());
    combine(G, H1, H1, s1.data(), rows, Gs.data());
    axpy(z1.data(), stepSize, Gs.data(), z1.size());
    affine(layers[1], relu(z1).data(), rows, z2.data());
    for (int r = 0; r < rows; r++) {
      units[r].update(z2.data() + r * H2, w3);
      addRows(W2, H1, units[r].changes, u.data() + r * H1);
    }
  }
}

void requireFinite(const Vector& numbers, const std::string& what) {
  for (size_t i = 0; i < numbers.size(); i++) {
    if (!std::isfinite(numbers[i])) {
      throw std::invalid_argument(what + " is not finite at index " + std::to_string(i));
    }
  }
}

}  // namespace

void validateLayers(const Layers& layers) {
  if (layers.size() < 2 || layers.size() > 3) {
    throw std::invalid_argument("a value function has one or two hidden layers and an output layer, not " +
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

ValueFunction::ValueFunction(Layers layers) : layers_(std::move(layers)) { validateLayers(layers_); }

std::vector<int> ValueFunction::hiddenDims() const {
  std::vector<int> dims;
  for (size_t l = 0; l + 1 < layers_.size(); l++) dims.push_back(layers_[l].outputs);
  return dims;
}

void ValueFunction::values(const float* states, int rows, float* out) const {
  for (int first = 0; first < rows; first += rowsAtOnce) {
    const int count = std::min(rowsAtOnce, rows - first);
    output(layers_, forward(layers_, states + size_t(first) * inputDim(), count).back(), count, out + first);
  }
}

void ValueFunction::gradients(const float* states, int rows, float* out) const {
  for (int first = 0; first < rows; first += rowsAtOnce) {
    const int count = std::min(rowsAtOnce, rows - first);
    const size_t offset = size_t(first) * inputDim();
    backward(layers_, forward(layers_, states + offset, count), count, out + offset);
  }
}

void ValueFunction::ascend(float* states, int rows, float stepSize, int updates, float* valueBefore,
                           float* valueAfter) const {
  const size_t D = inputDim(), H1 = layers_[0].outputs;
  for (int first = 0; first < rows; first += rowsAtOnce) {
    const int count = std::min(rowsAtOnce, rows - first);
    float* h = states + first * D;
    std::vector<Vector> z = forward(layers_, h, count);
    output(layers_, z.back(), count, valueBefore + first);
    if (updates <= 0 || stepSize == 0) {
      std::copy(valueBefore + first, valueBefore + first + count, valueAfter + first);
      continue;
    }
    Vector sum(count * H1), step(count * D);
    if (z.size() == 1) {
      ascendOneHidden(layers_, gram(), count, stepSize, updates, z[0], sum);
    } else {
      ascendTwoHidden(layers_, gram(), count, stepSize, updates, z[0], z[1], sum);
    }
    output(layers_, z.back(), count, valueAfter + first);
    combine(layers_[0].weight.data(), H1, D, sum.data(), count, step.data());
    axpy(h, stepSize, step.data(), step.size());
  }
}

void ValueFunction::ascendExplicit(float* states, int rows, float stepSize, int updates, float* valueBefore,
                                   float* valueAfter) const {
  values(states, rows, valueBefore);
  if (updates > 0 && stepSize != 0) {
    Vector gradient(size_t(rows) * inputDim());
    for (int k = 0; k < updates; k++) {
      gradients(states, rows, gradient.data());
      axpy(states, stepSize, gradient.data(), gradient.size());
    }
  }
  values(states, rows, valueAfter);
}

const float* ValueFunction::gram() const {
  std::call_once(gramOnce_, [this] {
    // Only the blocks on and below the diagonal, mirrored: half the work, and exactly symmetric.
    constexpr int blockRows = 336;
    const int H1 = layers_[0].outputs, D = layers_[0].inputs;
    const float* W1 = layers_[0].weight.data();
    Vector G(size_t(H1) * H1);
    for (int first = 0; first < H1; first += blockRows) {
      const int count = std::min(blockRows, H1 - first);
      gemm(GemmLayout::NT, count, first + count, D, W1 + size_t(first) * D, D, W1, D, &G[size_t(first) * H1], H1, false,
           1);
    }
    for (int i = 0; i < H1; i++) {
      for (int j = 0; j < i; j++) G[size_t(j) * H1 + i] = G[size_t(i) * H1 + j];
    }
    gram_ = std::move(G);
  });
  return gram_.data();
}
