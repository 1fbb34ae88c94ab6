#include "graph_network.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <stdexcept>

namespace {

constexpr int mostValueRows = 1024;  // states that V is computed for at once

// Rows of the graph that takes `rows` states: of few sizes, at most a quarter larger, and a multiple of 64, at which
// parts of a tensor begin where every device may read.
int graphRows(int rows) {
  const int grain = std::max(64, int(std::bit_floor(unsigned(rows))) / 4);
  return (rows + grain - 1) / grain * grain;
}

void write(ggml_tensor* tensor, const void* from) {
  library().ggml_backend_tensor_set(tensor, from, 0, library().ggml_nbytes(tensor));
}

const std::vector<LinearLayer>& validated(const std::vector<LinearLayer>& layers) {
  validateLayers(layers);
  return layers;
}

}  // namespace

GraphNetwork::GraphNetwork(ggml_backend_dev_t device, const std::vector<LinearLayer>& initial, Objective objective)
    : device_(device), objective_(objective), inputDim_(validated(initial)[0].inputs), tensors_(32) {
  const auto add = [&](int columns, int rows) {
    return Trained{tensors_.add(GGML_TYPE_F32, columns, rows), tensors_.add(GGML_TYPE_F32, columns, rows),
                   tensors_.add(GGML_TYPE_F32, columns, rows)};
  };
  for (const LinearLayer& layer : initial) {
    layers_.push_back({add(layer.inputs, layer.outputs), add(layer.outputs, 1)});
  }
  weightAdam_ = tensors_.add(GGML_TYPE_F32, 7);
  biasAdam_ = tensors_.add(GGML_TYPE_F32, 7);
  gradientScale_ = tensors_.add(GGML_TYPE_F32, 1);
  clipNorm_ = tensors_.add(GGML_TYPE_F32, 1);
  for (const Trained& one : trained()) library().ggml_set_param(one.value);
  tensors_.allocate(device_);

  OptimiserState start;
  for (const LinearLayer& layer : initial) {
    for (const std::vector<float>& numbers : {layer.weight, layer.bias}) {
      start.value.push_back(numbers);
      start.firstMoment.emplace_back(numbers.size());
      start.secondMoment.emplace_back(numbers.size());
    }
  }
  restore(start);
  buildStep(graphRows(1));  // fails here where an operation is missing
}

std::vector<GraphNetwork::Trained> GraphNetwork::trained() const {
  std::vector<Trained> all;
  for (const Layer& layer : layers_) {
    all.push_back(layer.weight);
    all.push_back(layer.bias);
  }
  return all;
}

GraphNetwork::Graph GraphNetwork::open(int rows, int mostNodes) const {
  Graph graph{rows, DeviceGraph(device_, mostNodes), nullptr};
  graph.input = graph.nodes.input(GGML_TYPE_F32, inputDim_, rows);
  return graph;
}

std::vector<ggml_tensor*> GraphNetwork::forward(const DeviceGraph& g, ggml_tensor* input) const {
  std::vector<ggml_tensor*> x = {input};
  for (const Layer& layer : layers_) {
    ggml_tensor* z = g.add(g.product(layer.weight.value, x.back()), layer.bias.value);
    x.push_back(x.size() < layers_.size() ? g.relu(z) : z);
  }
  return x;
}

GraphNetwork::Graph GraphNetwork::buildValues(int rows) const {
  Graph graph = open(rows, 64);
  graph.output = forward(graph.nodes, graph.input).back();
  graph.nodes.output(graph.output);
  graph.nodes.allocate();
  return graph;
}

GraphNetwork::Graph GraphNetwork::buildStep(int rows) const {
  Graph graph = open(rows, 512);
  DeviceGraph& g = graph.nodes;
  graph.neighbours = g.input(GGML_TYPE_I32, rows, 2);
  graph.masks = g.input(GGML_TYPE_F32, rows, 4);
  const auto mask = [&](int which) { return g.reshape(g.rowsOf(graph.masks, which, 1), 1, rows); };
  const auto neighbour = [&](ggml_tensor* of, int which) {
    return library().ggml_get_rows(g.context(), of, g.rowsOf(graph.neighbours, which, 1));
  };

  const std::vector<ggml_tensor*> x = forward(g, graph.input);
  ggml_tensor* const V = x.back();
  ggml_tensor* const target = g.add(g.multiply(neighbour(V, 0), mask(0)), mask(2));
  ggml_tensor* const error = g.multiply(g.subtract(V, target), mask(3));  // (1, rows)
  ggml_tensor* const squaredErrors = g.sum(g.multiply(error, error));
  // The loss's gradient with respect to V but for 2 / trajectories, which comes in with the clipping below: small
  // numbers fare badly where devices multiply in float16.
  ggml_tensor* delta = error;
  if (objective_ == Objective::fullGradient) delta = g.subtract(error, g.multiply(neighbour(error, 1), mask(1)));

  std::vector<ggml_tensor*> gradients(2 * layers_.size());
  ggml_tensor* squares = nullptr;  // of all gradients
  for (size_t l = layers_.size(); l-- > 0;) {
    ggml_tensor* const deltaT = g.transposed(delta);  // (rows, outputs)
    ggml_tensor* const weight = layers_[l].weight.value;
    gradients[2 * l] = g.product(g.transposed(x[l]), deltaT);                              // (inputs, outputs)
    gradients[2 * l + 1] = g.reshape(g.sumRows(deltaT), layers_[l].bias.value->ne[0], 1);  // (outputs)
    for (ggml_tensor* gradient : {gradients[2 * l], gradients[2 * l + 1]}) {
      ggml_tensor* sum = g.sum(g.multiply(gradient, gradient));
      squares = squares ? g.add(squares, sum) : sum;
    }
    if (l > 0) delta = g.multiply(g.product(g.transposed(weight), delta), g.step(x[l]));
  }

  ggml_tensor* const norm = g.multiply(g.squareRoot(squares), gradientScale_);
  ggml_tensor* const clip = g.clamp(g.divide(clipNorm_, norm), 0, 1);
  ggml_tensor* const factor = g.multiply(clip, gradientScale_);
  graph.output = g.besideEachOther(squaredErrors, norm);
  g.output(graph.output);
  const std::vector<Trained> all = trained();
  for (size_t i = 0; i < all.size(); i++) {
    g.append(library().ggml_opt_step_adamw(g.context(), all[i].value, g.multiply(gradients[i], factor),
                                           all[i].firstMoment, all[i].secondMoment, i % 2 ? biasAdam_ : weightAdam_));
  }
  g.allocate();
  return graph;
}

void GraphNetwork::values(const float* input, int rows, float* out) {
  for (int first = 0; first < rows; first += mostValueRows) {
    const int count = std::min(mostValueRows, rows - first), padded = graphRows(count);
    auto found = valueGraphs_.find(padded);
    if (found == valueGraphs_.end()) found = valueGraphs_.emplace(padded, buildValues(padded)).first;
    Graph& graph = found->second;
    std::vector<float> states(size_t(padded) * inputDim_);
    std::copy_n(input + size_t(first) * inputDim_, size_t(count) * inputDim_, states.begin());
    write(graph.input, states.data());
    graph.nodes.compute();
    std::copy_n(download(graph.output).begin(), count, out + first);
  }
}

StepResult GraphNetwork::step(const TrainingBatch& batch, const StepSettings& settings) {
  const int padded = graphRows(batch.rows);
  auto found = stepGraphs_.find(padded);
  if (found == stepGraphs_.end()) found = stepGraphs_.emplace(padded, buildStep(padded)).first;
  Graph& graph = found->second;

  std::vector<float> states(size_t(padded) * inputDim_), masks(size_t(padded) * 4);
  std::vector<int32_t> neighbours(size_t(padded) * 2);
  std::copy_n(batch.input, size_t(batch.rows) * inputDim_, states.begin());
  float *hasNext = masks.data(), *hasPrevious = hasNext + padded, *reward = hasPrevious + padded,
        *counts = reward + padded;
  for (int row = 0; row < batch.rows; row++) {
    counts[row] = 1;
    const int32_t next = batch.next[row];
    if (next < 0) {
      reward[row] = batch.reward[row];
      continue;
    }
    if (next >= batch.rows) throw std::invalid_argument("the next state is not in the batch");
    hasNext[row] = hasPrevious[next] = 1;
    neighbours[row] = next;
    neighbours[padded + next] = row;
  }
  write(graph.input, states.data());
  write(graph.masks, masks.data());
  write(graph.neighbours, neighbours.data());

  // The bias corrections are of the very numbers that ggml multiplies with, beta as float32.
  const float beta1 = 0.9f, beta2 = 0.999f;
  steps_++;
  const float correction1 = float(1 / (1 - std::pow(double(beta1), double(steps_))));
  const float correction2 = float(1 / (1 - std::pow(double(beta2), double(steps_))));
  const auto adam = [&](double decay) {
    return std::vector<float>{
        float(settings.learningRate), beta1, beta2, 1e-8f, float(decay), correction1, correction2};
  };
  upload(weightAdam_, adam(settings.weightDecay));
  upload(biasAdam_, adam(0));
  upload(gradientScale_, {2.0f / float(batch.trajectories)});
  upload(clipNorm_, {float(std::min(settings.clipNorm, double(FLT_MAX)))});
  graph.nodes.compute();
  const std::vector<float> result = download(graph.output);
  return {result[0], result[1]};
}

OptimiserState GraphNetwork::state() const {
  OptimiserState state;
  for (const Trained& one : trained()) {
    state.value.push_back(download(one.value));
    state.firstMoment.push_back(download(one.firstMoment));
    state.secondMoment.push_back(download(one.secondMoment));
  }
  state.steps = steps_;
  return state;
}

void GraphNetwork::restore(const OptimiserState& state) {
  const std::vector<Trained> all = trained();
  const auto write = [&](const std::vector<std::vector<float>>& from, ggml_tensor* Trained::*to) {
    if (from.size() != all.size()) throw std::invalid_argument("the state is another network's");
    for (size_t i = 0; i < all.size(); i++) {
      if (from[i].size() * sizeof(float) != library().ggml_nbytes(all[i].*to)) {
        throw std::invalid_argument("the state is another network's");
      }
      upload(all[i].*to, from[i]);
    }
  };
  write(state.value, &Trained::value);
  write(state.firstMoment, &Trained::firstMoment);
  write(state.secondMoment, &Trained::secondMoment);
  steps_ = state.steps;
}

std::unique_ptr<TrainedNetwork> makeGraphNetwork(ggml_backend_dev_t device, const std::vector<LinearLayer>& initial,
                                                 Objective objective) {
  return std::make_unique<GraphNetwork>(device, initial, objective);
}
