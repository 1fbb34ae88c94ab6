#include "cpu_network.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "gemm.h"

namespace {

bool allFinite(const std::vector<float>& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); });
}

}  // namespace

CpuNetwork::CpuNetwork(std::vector<LinearLayer> layers, Loss loss, int threads) : loss_(loss), threads_(threads) {
  validateLayers(layers);
  for (LinearLayer& layer : layers) {
    layers_.push_back(
        {layer.inputs, layer.outputs, TrainedTensor(std::move(layer.weight)), TrainedTensor(std::move(layer.bias))});
  }
  activation_.resize(layers_.size() - 1);
  delta_.resize(layers_.size() - 1);
}

void CpuNetwork::values(const float* input, int rows, float* out) {
  forward(input, rows);
  std::copy(values_.begin(), values_.end(), out);
}

StepResult CpuNetwork::step(const TrainingBatch& batch, const StepSettings& settings) {
  const int rows = batch.rows + 2 * batch.pairCount;
  forward(batch.input, rows);
  StepResult result = {squaredErrors(batch), 0};
  if (!std::isfinite(result.squaredErrors)) {
    result.nonFiniteLayer = firstNonFiniteOutput();
    return result;
  }
  addPairs(batch);
  backward(batch.input, rows);
  double squares = 0;
  for (size_t l = 0; l < layers_.size(); l++) {
    squares += squaredNorm(layers_[l].weight.gradient, threads_) + squaredNorm(layers_[l].bias.gradient, threads_);
    if (!std::isfinite(squares) && result.nonFiniteLayer == 0) result.nonFiniteLayer = int(l) + 1;
  }
  result.gradientNorm = std::sqrt(squares);
  if (result.nonFiniteLayer != 0) return result;

  AdamStep adam = {settings.learningRate, settings.weightDecay, 1, ++steps_};
  if (result.gradientNorm > settings.clipNorm) adam.gradientScale = settings.clipNorm / result.gradientNorm;
  for (Layer& layer : layers_) {
    adam.weightDecay = settings.weightDecay;
    adamStep(layer.weight, adam, threads_);
    adam.weightDecay = 0;
    adamStep(layer.bias, adam, threads_);
  }
  return result;
}

void CpuNetwork::forward(const float* input, size_t rows) {
  for (size_t l = 0; l < activation_.size(); l++) {
    const Layer& layer = layers_[l];
    const float* below = l == 0 ? input : activation_[l - 1].data();
    std::vector<float>& a = activation_[l];
    a.resize(rows * layer.outputs);
    gemm(GemmLayout::NT, int(rows), layer.outputs, layer.inputs, below, layer.inputs, layer.weight.value.data(),
         layer.inputs, a.data(), layer.outputs, false, threads_);
    parallelRanges(threads_, rows, worthAThread / layer.outputs + 1, [&](size_t begin, size_t end) {
      for (size_t r = begin; r < end; r++) {
        float* z = a.data() + r * layer.outputs;
        for (int j = 0; j < layer.outputs; j++) z[j] = std::max(z[j] + layer.bias.value[j], 0.0f);
      }
    });
  }
  const Layer& last = layers_.back();
  const float* below = activation_.empty() ? input : activation_.back().data();
  values_.resize(rows);
  for (size_t r = 0; r < rows; r++) {
    values_[r] = dot(below + r * last.inputs, last.weight.value.data(), last.inputs) + last.bias.value[0];
  }
}

// Sum of the squared Bellman errors of a batch that went forward, and into valueGradients_ the gradient of the
// batch's loss, their sum over the number of trajectories, with respect to each V.
double CpuNetwork::squaredErrors(const TrainingBatch& batch) {
  double sum = 0;
  const double weight = 2.0 / batch.trajectories;
  valueGradients_.assign(values_.size(), 0.0f);
  const bool published = loss_.objective == Objective::asPublished;
  const bool differentiatesNext = published || loss_.objective == Objective::fullGradient;
  const auto add = [&](int row, double error, int32_t next) {
    sum += error * error;
    valueGradients_[row] += float(weight * error);
    if (next >= 0 && differentiatesNext) valueGradients_[next] -= float(weight * error);
  };
  const std::vector<double> target = targets(batch);
  bool first = true;  // of its trajectory
  for (int row = 0; row < batch.rows; row++) {
    const int32_t next = batch.next[row];
    if (published && first) add(row, double(values_[row]) - batch.reward[row], -1);
    if (!published || next >= 0) add(row, double(values_[row]) - target[row], next);
    first = next < 0;
  }
  return sum;
}

// Adds the gradient of what Objective::prefCtrl has beside the squared Bellman errors to valueGradients_.
void CpuNetwork::addPairs(const TrainingBatch& batch) {
  if (loss_.objective != Objective::prefCtrl) return;
  const double margin = loss_.marginWeight / batch.trajectories;
  const double regulariser = 2 * loss_.regulariserWeight / batch.trajectories;
  for (int i = 0; i < batch.pairCount; i++) {
    const PairRows& pair = batch.pairs[i];
    const double preferred = values_[pair.preferred];
    const double wrong = margin / (1 + std::exp(preferred - values_[pair.dispreferred]));  // times sigmoid(V- - V+)
    const double apart = regulariser * (values_[pair.generated] - preferred);
    valueGradients_[pair.generated] += float(apart);
    valueGradients_[pair.preferred] -= float(wrong + apart);
    valueGradients_[pair.dispreferred] += float(wrong);
  }
}

// What each V is drawn to but for the published code's first tokens. The states of a trajectory are consecutive rows.
std::vector<double> CpuNetwork::targets(const TrainingBatch& batch) const {
  const double lambda = loss_.objective == Objective::lambdaReturn ? loss_.lambda : 0;
  std::vector<double> target(batch.rows);
  for (int row = batch.rows - 1; row >= 0; row--) {
    const int32_t next = batch.next[row];
    target[row] = next < 0 ? batch.reward[row] : lambda == 0 ? values_[next] : (1 - lambda) * values_[next] + lambda * target[next];
  }
  return target;
}

// Every gradient from valueGradients_.
void CpuNetwork::backward(const float* input, size_t rows) {
  Layer& last = layers_.back();
  last.bias.gradient[0] = 0;
  for (size_t r = 0; r < rows; r++) last.bias.gradient[0] += valueGradients_[r];
  if (activation_.empty()) {
    std::fill(last.weight.gradient.begin(), last.weight.gradient.end(), 0.0f);
    for (size_t r = 0; r < rows; r++) axpy(last.weight.gradient.data(), valueGradients_[r], input + r * last.inputs, last.inputs);
  }

  for (size_t l = activation_.size(); l-- > 0;) {
    Layer& layer = layers_[l];
    delta_[l].resize(rows * layer.outputs);
    if (l + 1 < activation_.size()) {
      const Layer& above = layers_[l + 1];
      gemm(GemmLayout::NN, int(rows), above.inputs, above.outputs, delta_[l + 1].data(), above.outputs,
           above.weight.value.data(), above.inputs, delta_[l].data(), above.inputs, false, threads_);
    }
    hiddenGradients(l, rows);
    const float* below = l == 0 ? input : activation_[l - 1].data();
    gemm(GemmLayout::TN, layer.outputs, layer.inputs, int(rows), delta_[l].data(), layer.outputs, below, layer.inputs,
         layer.weight.gradient.data(), layer.inputs, false, threads_);
  }
}

// delta_[layer] before the ReLU, the layer's bias gradient and, at the top, the output weight's. Threads share
// the columns, so each sum over the rows has one order.
void CpuNetwork::hiddenGradients(size_t l, size_t rows) {
  Layer &layer = layers_[l], &last = layers_.back();
  const size_t H = layer.outputs;
  const bool top = l + 1 == activation_.size();
  parallelRanges(threads_, H, std::max<size_t>(16, worthAThread / rows), [&](size_t begin, size_t end) {
    std::fill(layer.bias.gradient.begin() + begin, layer.bias.gradient.begin() + end, 0.0f);
    if (top) std::fill(last.weight.gradient.begin() + begin, last.weight.gradient.begin() + end, 0.0f);
    for (size_t r = 0; r < rows; r++) {
      const float* a = activation_[l].data() + r * H;
      float* delta = delta_[l].data() + r * H;
      if (top) {
        axpy(last.weight.gradient.data() + begin, valueGradients_[r], a + begin, end - begin);
        for (size_t j = begin; j < end; j++) delta[j] = valueGradients_[r] * last.weight.value[j];
      }
      for (size_t j = begin; j < end; j++) delta[j] = a[j] > 0 ? delta[j] : 0;
      axpy(layer.bias.gradient.data() + begin, 1, delta + begin, end - begin);
    }
  });
}

int CpuNetwork::firstNonFiniteOutput() const {
  for (size_t l = 0; l < activation_.size(); l++) {
    if (!allFinite(activation_[l])) return int(l) + 1;
  }
  return int(layers_.size());
}

std::vector<TrainedTensor*> CpuNetwork::tensors() {
  std::vector<TrainedTensor*> all;
  for (Layer& layer : layers_) {
    all.push_back(&layer.weight);
    all.push_back(&layer.bias);
  }
  return all;
}

OptimiserState CpuNetwork::state() const {
  OptimiserState state;
  state.steps = steps_;
  for (const Layer& layer : layers_) {
    for (const TrainedTensor* tensor : {&layer.weight, &layer.bias}) {
      state.value.push_back(tensor->value);
      state.firstMoment.push_back(tensor->firstMoment);
      state.secondMoment.push_back(tensor->secondMoment);
    }
  }
  return state;
}

void CpuNetwork::restore(const OptimiserState& state) {
  const std::vector<TrainedTensor*> all = tensors();
  for (const auto* kept : {&state.value, &state.firstMoment, &state.secondMoment}) {
    bool fits = kept->size() == all.size();
    for (size_t i = 0; fits && i < all.size(); i++) fits = (*kept)[i].size() == all[i]->value.size();
    if (!fits) throw std::invalid_argument("the state of the optimiser is that of a network of other dimensions");
  }
  for (size_t i = 0; i < all.size(); i++) {
    all[i]->value = state.value[i];
    all[i]->firstMoment = state.firstMoment[i];
    all[i]->secondMoment = state.secondMoment[i];
  }
  steps_ = state.steps;
}
