#include "trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "checkpoint.h"

namespace {

// Below `bound`, without the bias of a remainder; the same on every platform, unlike std::uniform_int_distribution.
uint64_t randomBelow(std::mt19937_64& random, uint64_t bound) {
  const uint64_t limit = random.max() - random.max() % bound;
  uint64_t drawn;
  do drawn = random();
  while (drawn >= limit);
  return drawn % bound;
}

double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  double meanX = 0, meanY = 0, xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); i++) {
    meanX += x[i] / x.size();
    meanY += y[i] / x.size();
  }
  for (size_t i = 0; i < x.size(); i++) {
    xx += (x[i] - meanX) * (x[i] - meanX);
    yy += (y[i] - meanY) * (y[i] - meanY);
    xy += (x[i] - meanX) * (y[i] - meanY);
  }
  const double correlation = xy / std::sqrt(xx * yy);
  return std::isfinite(correlation) ? correlation : 0;
}

// Weight and bias of every layer with its extents, from the optimiser's list of tensors.
std::vector<LinearLayer> layersOf(std::vector<std::vector<float>> tensors, int inputs) {
  std::vector<LinearLayer> layers;
  for (size_t i = 0; i + 1 < tensors.size(); i += 2) {
    LinearLayer layer = {inputs, int(tensors[i + 1].size()), std::move(tensors[i]), std::move(tensors[i + 1])};
    inputs = layer.outputs;
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace

Trainer::Trainer(TrainerConfig config, TrainingData data, NetworkFactory makeNetwork)
    : config_(std::move(config)), data_(std::move(data)), makeNetwork_(std::move(makeNetwork)), random_(config_.seed) {
  for (size_t i = 0; i < data_.trajectories().size(); i++) {
    if (data_.trajectories()[i].answer) continue;
    (data_.trajectories()[i].validation ? validation_ : training_).push_back(i);
  }
  if (training_.empty()) throw std::invalid_argument("there is no trajectory to train on");
}

void Trainer::prepare(const std::atomic<bool>& cancelled) {
  standardisation_ = measureStates(data_, config_.standardise, config_.threads, cancelled);
  random_.seed(config_.seed);
  network_ = makeNetwork_(initialLayers());
}

std::vector<LinearLayer> Trainer::initialLayers() {
  std::vector<LinearLayer> initial = config_.initialLayers;
  if (!initial.empty()) {
    standardisation_.unfold(initial[0]);
    return initial;
  }
  int inputs = data_.inputDim();
  for (size_t l = 0; l <= config_.hiddenDims.size(); l++) {
    LinearLayer layer;
    layer.inputs = inputs;
    layer.outputs = l < config_.hiddenDims.size() ? config_.hiddenDims[l] : 1;
    const double bound = 1 / std::sqrt(double(inputs));  // nn.Linear's default, for weight and bias
    const auto uniform = [&] { return float(bound * (2 * std::ldexp(double(random_() >> 11), -53) - 1)); };
    layer.weight.resize(size_t(layer.inputs) * layer.outputs);
    layer.bias.resize(layer.outputs);
    for (float& w : layer.weight) w = uniform();
    for (float& b : layer.bias) b = uniform();
    inputs = layer.outputs;
    initial.push_back(std::move(layer));
  }
  return initial;
}

EpochResult Trainer::epoch(const std::atomic<bool>& cancelled) {
  std::mt19937_64 random = random_;
  std::vector<size_t> order = training_;
  for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[randomBelow(random, i)]);
  const bool pairs = config_.loss.objective == Objective::prefCtrl;
  BatchReader reader(data_, standardisation_, packTrajectories(data_, order, config_.batchStates, pairs),
                     progress_.batches);
  while (const StateBatch* batch = reader.next()) {
    trainOn(*batch);
    if (cancelled) throw TrainingCancelled();
  }
  validate(cancelled);
  const EpochResult result = {progress_.squaredErrors / double(progress_.states),
                              // without validation states 0 / 0 is the NaN that is promised
                              validated_.squaredErrors / validated_.states, validated_.returnErrors / validated_.states,
                              pearson(validated_.predicted, validated_.rewards), progress_.states};
  random_ = random;
  progress_ = {};
  validated_ = {};
  epochs_++;
  return result;
}

void Trainer::trainOn(const StateBatch& batch) {
  StepSettings settings = config_.step;
  if (steps_ < config_.warmupSteps) settings.learningRate *= double(steps_ + 1) / double(config_.warmupSteps);
  const StepResult step = network_->step(batch.forTraining(), settings);
  if (!std::isfinite(step.squaredErrors)) refuse("the loss", progress_.batches + 1, step.nonFiniteLayer);
  if (!std::isfinite(step.gradientNorm)) refuse("the gradient", progress_.batches + 1, step.nonFiniteLayer);
  steps_++;
  progress_.batches++;
  progress_.states += batch.states();
  progress_.squaredErrors += step.squaredErrors;
}

void Trainer::refuse(const std::string& what, uint64_t batch, int layer) const {
  throw NotFinite(what + " is not finite in epoch " + std::to_string(epochs_ + 1) + ", batch " + std::to_string(batch) +
                  (layer == 0 ? "" : ", from layer " + std::to_string(layer) + " on") +
                  ": lower the learning rate, clip the gradient or standardise the states");
}

void Trainer::validate(const std::atomic<bool>& cancelled) {
  std::vector<float> values;
  BatchReader reader(data_, standardisation_, packTrajectories(data_, validation_, config_.batchStates, false),
                     validated_.batches);
  while (const StateBatch* batch = reader.next()) {
    values.resize(batch->rows());
    network_->values(batch->input.data(), batch->rows(), values.data());
    for (int row = 0; row < batch->rows(); row++) {
      const int next = batch->next[row];
      const double reward = batch->reward[row], value = values[row], error = value - (next < 0 ? reward : values[next]);
      validated_.squaredErrors += error * error;
      validated_.returnErrors += (value - reward) * (value - reward);
      if (next >= 0) continue;
      validated_.predicted.push_back(value);
      validated_.rewards.push_back(reward);
    }
    validated_.states += batch->rows();
    validated_.batches++;
    if (!std::isfinite(validated_.squaredErrors)) refuse("the validation loss", validated_.batches, 0);
    if (cancelled) throw TrainingCancelled();
  }
}

std::vector<LinearLayer> Trainer::layers() const {
  std::vector<LinearLayer> layers = layersOf(network_->state().value, data_.inputDim());
  standardisation_.fold(layers[0]);
  return layers;
}

std::vector<float> Trainer::predict(const std::atomic<bool>& cancelled) const {
  std::vector<Pack> batches;
  const std::vector<Trajectory>& trajectories = data_.trajectories();
  for (size_t i = 0; i < trajectories.size(); i++) {
    if (i % config_.batchStates == 0) batches.emplace_back();
    batches.back().spans.push_back({i, trajectories[i].count - 1, 1});
  }
  std::vector<float> predicted(trajectories.size());
  float* to = predicted.data();
  BatchReader reader(data_, standardisation_, std::move(batches));
  while (const StateBatch* batch = reader.next()) {
    if (cancelled) throw TrainingCancelled();
    network_->values(batch->input.data(), batch->rows(), to);
    to += batch->rows();
  }
  return predicted;
}

uint64_t Trainer::fingerprint() const {
  Fingerprint of;
  of.add(data_.inputDim());
  for (const int units : config_.hiddenDims) of.add(units);
  of.add(config_.loss.objective);
  if (config_.loss.lambda != 0) of.add(config_.loss.lambda);  // without it as it always was
  if (config_.loss.objective == Objective::prefCtrl) {
    of.add(config_.loss.marginWeight);
    of.add(config_.loss.regulariserWeight);
    for (const Trajectory& trajectory : data_.trajectories()) {
      of.add(trajectory.preferred);
      of.add(trajectory.dispreferred);
    }
  }
  of.add(config_.step.learningRate);
  of.add(config_.step.weightDecay);
  of.add(config_.step.clipNorm);
  of.add(config_.warmupSteps);
  of.add(config_.batchStates);
  of.add(config_.seed);
  of.add(config_.standardise);
  for (const LinearLayer& layer : config_.initialLayers) {
    of.add((const unsigned char*)layer.weight.data(), layer.weight.size() * sizeof(float));
    of.add((const unsigned char*)layer.bias.data(), layer.bias.size() * sizeof(float));
  }
  for (const Trajectory& trajectory : data_.trajectories()) {
    of.add(trajectory.reward);
    of.add(trajectory.validation);
    of.add(trajectory.count);
  }
  return of.value();
}

std::vector<unsigned char> Trainer::save() const {
  return encodeCheckpoint({fingerprint(), standardisation_, random_, epochs_, progress_.batches, progress_.states,
                           progress_.squaredErrors, network_->state()});
}

void Trainer::restore(const unsigned char* bytes, size_t size) {
  Checkpoint checkpoint = decodeCheckpoint(bytes, size);
  if (checkpoint.fingerprint != fingerprint()) {
    throw std::invalid_argument("the checkpoint is that of a training with other settings or other data");
  }
  std::unique_ptr<TrainedNetwork> network = makeNetwork_(layersOf(checkpoint.optimiser.value, data_.inputDim()));
  network->restore(checkpoint.optimiser);
  network_ = std::move(network);
  standardisation_ = std::move(checkpoint.standardisation);
  random_ = checkpoint.random;
  epochs_ = checkpoint.epochs;
  steps_ = checkpoint.optimiser.steps;
  progress_ = {checkpoint.batches, checkpoint.states, checkpoint.squaredErrors};
  validated_ = {};
}
