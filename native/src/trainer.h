// Trains a value function V on trajectories by the Bellman equation (RE-Control, section 4.2). For states
// h_1 .. h_T of a response with reward r, the loss of one trajectory is
//   sum over t < T of (V(h_t) - V(h_t+1))^2, plus (V(h_T) - r)^2,
// or another of Objective, and that of a batch the mean over its trajectories. Adam as in PyTorch. The validation loss is
// always the one above, and the training loss never has what an objective adds for pairs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "batch_reader.h"
#include "standardisation.h"
#include "trained_network.h"
#include "training_data.h"

struct TrainerConfig {
  std::vector<int> hiddenDims;  // none (a linear V), one or two
  Loss loss;
  StepSettings step;    // once warmed up
  int64_t warmupSteps;  // over the first so many steps the learning rate rises linearly to its full value
  int batchStates;      // whole trajectories up to this many states are one batch; a longer one is its own
  uint64_t seed;
  int threads;
  bool standardise;
  // The value function to start from, on raw states; empty: PyTorch's nn.Linear default from the seed.
  std::vector<LinearLayer> initialLayers;
};

// Losses are means over states, the training loss as met before each batch's step. Without validation
// trajectories the validation loss and the return error are NaN; an undefined correlation is 0.
struct EpochResult {
  double trainLoss, validationLoss;
  double returnError;  // mean over the validation states of (V(h_t) - r)^2, r the reward of the state's trajectory
  double correlation;  // Pearson, of V(h_T) with r over the validation trajectories
  uint64_t states;     // training states
};

struct NotFinite : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One method at a time; `prepare` or `restore` before the others.
class Trainer {
 public:
  // Throws std::invalid_argument without a training trajectory.
  Trainer(TrainerConfig config, TrainingData data, NetworkFactory makeNetwork);

  // Reads every state once. Throws what measureStates throws.
  void prepare(const std::atomic<bool>& cancelled);

  // One pass over the training trajectories in a new random order, then the validation. Throws TrainingCancelled
  // after a batch, and the next call goes on behind it, NotFinite naming epoch, batch and layer, or
  // UnreadableStates.
  EpochResult epoch(const std::atomic<bool>& cancelled);

  // The value function for raw states: the standardisation is folded into the first layer.
  std::vector<LinearLayer> layers() const;

  // V(h_T) of every trajectory, in the order given.
  std::vector<float> predict(const std::atomic<bool>& cancelled) const;

  // Everything that the training goes on from, in the middle of an epoch too: with the same configuration and data, on
  // the processor, a trainer that restores it ends with the same bits as this one.
  std::vector<unsigned char> save() const;
  // Instead of `prepare`. Throws std::invalid_argument for bytes that are damaged or were saved by a training with
  // another configuration or other data, and leaves the trainer as it was.
  void restore(const unsigned char* bytes, size_t size);

  bool ready() const { return network_ != nullptr; }
  int inputDim() const { return data_.inputDim(); }
  const Standardisation& standardisation() const { return standardisation_; }

 private:
  // How far the epoch at hand is.
  struct Progress {
    uint64_t batches = 0, states = 0;
    double squaredErrors = 0;
  };
  // The same of its validation, which a checkpoint does not hold: it is done again.
  struct Validated {
    uint64_t batches = 0;
    double squaredErrors = 0, returnErrors = 0, states = 0;
    std::vector<double> predicted, rewards;
  };

  std::vector<LinearLayer> initialLayers();
  void trainOn(const StateBatch& batch);
  void validate(const std::atomic<bool>& cancelled);
  [[noreturn]] void refuse(const std::string& what, uint64_t batch, int layer) const;
  uint64_t fingerprint() const;

  const TrainerConfig config_;
  const TrainingData data_;
  const NetworkFactory makeNetwork_;
  std::vector<size_t> training_, validation_;  // indices of trajectories

  Standardisation standardisation_;
  std::unique_ptr<TrainedNetwork> network_;
  std::mt19937_64 random_;  // as it was when the epoch at hand began
  uint64_t epochs_ = 0;     // finished
  int64_t steps_ = 0;
  Progress progress_;
  Validated validated_;
};
