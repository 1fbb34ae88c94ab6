#include "trainer.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <map>
#include <utility>

#include "float16.h"
#include "gemm.h"

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

}  // namespace

Trainer::Trainer(TrainerConfig config, std::vector<TrainingTrajectory> trajectories)
    : config_(std::move(config)), trajectories_(std::move(trajectories)), random_(config_.seed) {
  for (size_t i = 0; i < trajectories_.size(); i++) {
    const std::string name = "trajectory " + std::to_string(i);
    if (trajectories_[i].count == 0) throw std::invalid_argument(name + " has no states");
    if (!std::isfinite(trajectories_[i].reward)) throw std::invalid_argument(name + ": the reward is not finite");
    (trajectories_[i].validation ? validation_ : training_).push_back(i);
  }
  if (training_.empty()) throw std::invalid_argument("there is no trajectory to train on");
  mapFiles();
  readMoments();
  initialise();
}

void Trainer::mapFiles() {
  std::map<std::string, std::shared_ptr<const MappedFile>> opened;
  files_.resize(trajectories_.size());
  for (size_t i = 0; i < trajectories_.size(); i++) {
    const TrainingTrajectory& trajectory = trajectories_[i];
    if (!trajectory.states.empty()) continue;
    std::shared_ptr<const MappedFile>& file = opened[trajectory.file];
    if (!file) file = std::make_shared<MappedFile>(trajectory.file);
    const uint64_t bytes = trajectory.count * config_.inputDim * sizeof(uint16_t);
    if (trajectory.offset > file->size() || bytes > file->size() - trajectory.offset) {
      throw std::runtime_error("trajectory " + std::to_string(i) + " needs bytes " + std::to_string(trajectory.offset) +
                               " to " + std::to_string(trajectory.offset + bytes) + " of " + trajectory.file +
                               ", which has only " + std::to_string(file->size()));
    }
    files_[i] = file;
  }
}

// Dimensions [firstDim, firstDim + dims) of the span's states, raw, into `to` (count, dims).
void Trainer::readStates(const Span& span, size_t firstDim, size_t dims, float* to) const {
  const size_t D = config_.inputDim;
  const TrainingTrajectory& trajectory = trajectories_[span.trajectory];
  const MappedFile* file = files_[span.trajectory].get();
  for (uint64_t t = 0; t < span.count; t++, to += dims) {
    const size_t position = (span.first + t) * D + firstDim;
    if (file) {
      float16ToFloat32(file->data() + trajectory.offset + position * sizeof(uint16_t), to, dims);
    } else {
      std::copy_n(trajectory.states.data() + position, dims, to);
    }
  }
}

// One pass over all states: refuses those that are not finite and, to standardise, sums the training
// states. Threads share the dimensions, not the states, so the sums do not depend on their number.
void Trainer::readMoments() {
  const size_t D = config_.inputDim;
  std::vector<double> sum(D), squares(D);
  using Place = std::pair<size_t, uint64_t>;  // trajectory, token
  const Place nowhere = {trajectories_.size(), 0};
  std::vector<Place> firstBad(D, nowhere);  // at [begin], for the thread that begins there
  parallelRanges(config_.threads, D, 64, [&](size_t begin, size_t end) {
    std::vector<float> state(end - begin);
    for (size_t i = 0; i < trajectories_.size(); i++) {
      for (uint64_t t = 0; t < trajectories_[i].count; t++) {
        readStates({i, t, 1}, begin, end - begin, state.data());
        bool finite = true;
        for (const float x : state) finite &= std::fabs(x) <= FLT_MAX;
        if (!finite) {
          firstBad[begin] = {i, t};
          return;
        }
        if (trajectories_[i].validation) continue;
        for (size_t d = begin; d < end; d++) {
          const double x = state[d - begin];
          sum[d] += x;
          squares[d] += x * x;
        }
      }
    }
  });
  const Place bad = *std::min_element(firstBad.begin(), firstBad.end());
  if (bad != nowhere) {
    throw std::invalid_argument("trajectory " + std::to_string(bad.first) + ", token " + std::to_string(bad.second) +
                                ": the state is not finite");
  }
  mean_.assign(D, 0.0f);
  if (!config_.standardise) return;
  double count = 0, variance = 0;
  for (const size_t i : training_) count += double(trajectories_[i].count);
  for (size_t d = 0; d < D; d++) {
    const double mean = sum[d] / count;
    mean_[d] = float(mean);
    variance += std::max(0.0, squares[d] / count - mean * mean) / D;
  }
  if (variance > 0) scale_ = float(std::sqrt(variance));
}

void Trainer::initialise() {
  std::vector<LinearLayer> initial = config_.initialLayers;
  if (initial.empty()) {
    int inputs = config_.inputDim;
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
  } else {
    // They take raw states: W h + b = (c W) x + (b + W mean) for h = c x + mean.
    LinearLayer& first = initial[0];
    for (int j = 0; j < first.outputs; j++) {
      double bias = first.bias[j];
      for (int d = 0; d < first.inputs; d++) {
        float& w = first.weight[size_t(j) * first.inputs + d];
        bias += double(w) * mean_[d];
        w *= scale_;
      }
      first.bias[j] = float(bias);
    }
  }
  validateLayers(initial);
  for (LinearLayer& layer : initial) {
    layers_.push_back(
        {layer.inputs, layer.outputs, TrainedTensor(std::move(layer.weight)), TrainedTensor(std::move(layer.bias))});
  }
  config_.initialLayers.clear();
  activation_.resize(layers_.size() - 1);
  delta_.resize(layers_.size() - 1);
}

std::vector<std::vector<Trainer::Span>> Trainer::pack(const std::vector<size_t>& order) const {
  std::vector<std::vector<Span>> batches;
  uint64_t states = 0;
  for (const size_t i : order) {
    const uint64_t count = trajectories_[i].count;
    if (batches.empty() || states + count > uint64_t(config_.batchStates)) {
      batches.emplace_back();
      states = 0;
    }
    batches.back().push_back({i, 0, count});
    states += count;
  }
  return batches;
}

// Reads a batch into input_, standardised, and returns its number of rows.
size_t Trainer::stage(const std::vector<Span>& batch) {
  const size_t D = config_.inputDim;
  std::vector<size_t> row(batch.size() + 1, 0);
  for (size_t i = 0; i < batch.size(); i++) row[i + 1] = row[i] + batch[i].count;
  input_.resize(row.back() * D);
  const int threads = input_.size() < worthAThread ? 1 : config_.threads;
  parallelRanges(threads, batch.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) readStates(batch[i], 0, D, input_.data() + row[i] * D);
    if (!config_.standardise) return;
    const float inverse = 1 / scale_;
    for (size_t r = row[begin]; r < row[end]; r++) {
      for (size_t d = 0; d < D; d++) input_[r * D + d] = (input_[r * D + d] - mean_[d]) * inverse;
    }
  });
  return row.back();
}

void Trainer::forward(size_t rows) {
  for (size_t l = 0; l < activation_.size(); l++) {
    const TrainedLayer& layer = layers_[l];
    const std::vector<float>& below = l == 0 ? input_ : activation_[l - 1];
    std::vector<float>& a = activation_[l];
    a.resize(rows * layer.outputs);
    gemm(GemmLayout::NT, int(rows), layer.outputs, layer.inputs, below.data(), layer.inputs, layer.weight.value.data(),
         layer.inputs, a.data(), layer.outputs, false, config_.threads);
    parallelRanges(config_.threads, rows, worthAThread / layer.outputs + 1, [&](size_t begin, size_t end) {
      for (size_t r = begin; r < end; r++) {
        float* z = a.data() + r * layer.outputs;
        for (int j = 0; j < layer.outputs; j++) z[j] = std::max(z[j] + layer.bias.value[j], 0.0f);
      }
    });
  }
  const TrainedLayer& last = layers_.back();
  values_.resize(rows);
  for (size_t r = 0; r < rows; r++) {
    values_[r] =
        dot(activation_.back().data() + r * last.inputs, last.weight.value.data(), last.inputs) + last.bias.value[0];
  }
}

// Sum of the squared Bellman errors of a batch that went forward; with `withGradient` also the gradient of
// the batch's loss, their sum over the number of trajectories, with respect to each V.
double Trainer::squaredErrors(const std::vector<Span>& batch, bool withGradient) {
  double sum = 0;
  const double weight = 2.0 / batch.size();
  valueGradients_.assign(values_.size(), 0.0f);
  size_t row = 0;
  for (const Span& span : batch) {
    for (uint64_t t = 0; t < span.count; t++, row++) {
      const bool last = t + 1 == span.count;
      const double error = values_[row] - (last ? trajectories_[span.trajectory].reward : double(values_[row + 1]));
      sum += error * error;
      if (!withGradient) continue;
      valueGradients_[row] += float(weight * error);
      if (!last && config_.objective == Objective::fullGradient) valueGradients_[row + 1] -= float(weight * error);
    }
  }
  return sum;
}

// Every gradient from valueGradients_. Threads share the columns, so each sum over the rows has one order.
void Trainer::backward(size_t rows) {
  TrainedLayer& last = layers_.back();
  last.bias.gradient[0] = 0;
  for (size_t r = 0; r < rows; r++) last.bias.gradient[0] += valueGradients_[r];

  for (size_t l = activation_.size(); l-- > 0;) {
    TrainedLayer& layer = layers_[l];
    const size_t H = layer.outputs;
    const std::vector<float>& a = activation_[l];
    std::vector<float>& delta = delta_[l];
    const bool top = l + 1 == activation_.size();
    delta.resize(rows * H);
    if (!top) {
      const TrainedLayer& above = layers_[l + 1];
      gemm(GemmLayout::NN, int(rows), above.inputs, above.outputs, delta_[l + 1].data(), above.outputs,
           above.weight.value.data(), above.inputs, delta.data(), above.inputs, false, config_.threads);
    }
    parallelRanges(config_.threads, H, std::max<size_t>(16, worthAThread / rows), [&](size_t begin, size_t end) {
      std::fill(layer.bias.gradient.begin() + begin, layer.bias.gradient.begin() + end, 0.0f);
      if (top) std::fill(last.weight.gradient.begin() + begin, last.weight.gradient.begin() + end, 0.0f);
      for (size_t r = 0; r < rows; r++) {
        const float* ar = a.data() + r * H;
        float* dr = delta.data() + r * H;
        if (top) {
          axpy(last.weight.gradient.data() + begin, valueGradients_[r], ar + begin, end - begin);
          for (size_t j = begin; j < end; j++) dr[j] = valueGradients_[r] * last.weight.value[j];
        }
        for (size_t j = begin; j < end; j++) dr[j] = ar[j] > 0 ? dr[j] : 0;
        axpy(layer.bias.gradient.data() + begin, 1, dr + begin, end - begin);
      }
    });
    const std::vector<float>& below = l == 0 ? input_ : activation_[l - 1];
    gemm(GemmLayout::TN, layer.outputs, layer.inputs, int(rows), delta.data(), layer.outputs, below.data(),
         layer.inputs, layer.weight.gradient.data(), layer.inputs, false, config_.threads);
  }
}

void Trainer::adamStep() {
  steps_++;
  for (TrainedLayer& layer : layers_) {
    for (TrainedTensor* tensor : {&layer.weight, &layer.bias}) {
      ::adamStep(*tensor, config_.learningRate, steps_, config_.threads);
    }
  }
}

EpochResult Trainer::epoch(const std::atomic<bool>& cancelled) {
  epochs_++;
  const auto errorsOf = [&](const std::vector<Span>& batch, bool withGradient) {
    if (cancelled) throw TrainingCancelled();
    forward(stage(batch));
    const double errors = squaredErrors(batch, withGradient);
    if (std::isfinite(errors)) return errors;
    throw std::runtime_error("the loss is not finite in epoch " + std::to_string(epochs_) +
                             ": lower the learning rate or standardise the states");
  };

  std::vector<size_t> order = training_;
  for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[randomBelow(random_, i)]);
  double trainErrors = 0;
  uint64_t trainStates = 0;
  for (const std::vector<Span>& batch : pack(order)) {
    trainErrors += errorsOf(batch, true);
    trainStates += values_.size();
    backward(values_.size());
    adamStep();
  }

  double validationErrors = 0, returnErrors = 0,
         validationStates = 0;  // without any, 0 / 0 is the NaN that is promised
  std::vector<double> predicted, rewards;
  for (const std::vector<Span>& batch : pack(validation_)) {
    validationErrors += errorsOf(batch, false);
    validationStates += double(values_.size());
    size_t row = 0;
    for (const Span& span : batch) {
      const double reward = trajectories_[span.trajectory].reward;
      for (const size_t end = row + span.count; row < end; row++) {
        returnErrors += (values_[row] - reward) * (values_[row] - reward);
      }
      predicted.push_back(values_[row - 1]);
      rewards.push_back(reward);
    }
  }
  return {trainErrors / double(trainStates), validationErrors / validationStates, returnErrors / validationStates,
          pearson(predicted, rewards), trainStates};
}

std::vector<LinearLayer> Trainer::layers() const {
  std::vector<LinearLayer> folded;
  for (const TrainedLayer& layer : layers_) {
    folded.push_back({layer.inputs, layer.outputs, layer.weight.value, layer.bias.value});
  }
  // W x + b = (W / c) h + (b - W mean / c) for x = (h - mean) / c.
  LinearLayer& first = folded[0];
  for (int j = 0; j < first.outputs; j++) {
    double bias = first.bias[j];
    for (int d = 0; d < first.inputs; d++) {
      float& w = first.weight[size_t(j) * first.inputs + d];
      bias -= double(w) * mean_[d] / scale_;
      w /= scale_;
    }
    first.bias[j] = float(bias);
  }
  return folded;
}

std::vector<float> Trainer::predict() {
  std::vector<float> predicted;
  for (size_t first = 0; first < trajectories_.size(); first += config_.batchStates) {
    std::vector<Span> batch;
    for (size_t i = first; i < std::min(first + config_.batchStates, trajectories_.size()); i++) {
      batch.push_back({i, trajectories_[i].count - 1, 1});
    }
    forward(stage(batch));
    predicted.insert(predicted.end(), values_.begin(), values_.end());
  }
  return predicted;
}
