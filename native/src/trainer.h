// Trains a value function V on trajectories by the Bellman equation (RE-Control, section 4.2). For states
// h_1 .. h_T of a response with reward r, the loss of one trajectory is
//   sum over t < T of (V(h_t) - V(h_t+1))^2, plus (V(h_T) - r)^2,
// and that of a batch the mean over its trajectories. Adam as in PyTorch.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "adam.h"
#include "mapped_file.h"
#include "value_function.h"

// The paper's loss takes V(h_t+1) as a constant (semi-gradient); its published code differentiates it too.
enum class Objective { semiGradient, fullGradient };

struct TrainerConfig {
  int inputDim;
  std::vector<int> hiddenDims;  // one or two
  Objective objective;
  double learningRate;
  int batchStates;  // whole trajectories up to this many states are one batch; a longer one is its own
  uint64_t seed;
  int threads;
  bool standardise;
  // The value function to start from, on raw states; empty: PyTorch's nn.Linear default from the seed.
  std::vector<LinearLayer> initialLayers;
};

// The states (count, inputDim) of one response: float32 in `states`, or float16 in a file from byte `offset`.
struct TrainingTrajectory {
  double reward;
  bool validation;
  std::vector<float> states;
  std::string file;
  uint64_t offset;
  uint64_t count;
};

// Losses are means over states, the training loss as met before each batch's step. Without validation
// trajectories the validation loss and the return error are NaN; an undefined correlation is 0.
struct EpochResult {
  double trainLoss, validationLoss;
  double returnError;  // mean over the validation states of (V(h_t) - r)^2, r the reward of the state's trajectory
  double correlation;  // Pearson, of V(h_T) with r over the validation trajectories
  uint64_t states;     // training states
};

struct TrainingCancelled : std::runtime_error {
  TrainingCancelled() : std::runtime_error("the training was cancelled") {}
};

// weight (outputs, inputs) row-major, bias (outputs)
struct TrainedLayer {
  int inputs, outputs;
  TrainedTensor weight, bias;
};

class Trainer {
 public:
  // Reads every state once. Throws std::invalid_argument for a bad configuration or a reward or state that
  // is not finite, std::runtime_error for a file that cannot be read or is too short.
  Trainer(TrainerConfig config, std::vector<TrainingTrajectory> trajectories);

  // One pass over the training trajectories in a new random order, then the validation. Throws
  // TrainingCancelled, or std::runtime_error when the loss is not finite. Not to be called twice at once.
  EpochResult epoch(const std::atomic<bool>& cancelled);

  // The value function for raw states: the standardisation is folded into the first layer.
  std::vector<LinearLayer> layers() const;

  // V(h_T) of every trajectory, in the order given.
  std::vector<float> predict();

  // States are trained on as (h - mean) / scale; 0 and 1 unless standardised.
  const std::vector<float>& mean() const { return mean_; }
  float scale() const { return scale_; }

 private:
  // Row numbers of a batch: the states [first, first + count) of one trajectory.
  struct Span {
    size_t trajectory;
    uint64_t first, count;
  };

  void mapFiles();
  void readMoments();
  void initialise();
  void readStates(const Span& span, size_t firstDim, size_t dims, float* to) const;
  size_t stage(const std::vector<Span>& batch);
  std::vector<std::vector<Span>> pack(const std::vector<size_t>& order) const;
  void forward(size_t rows);
  void backward(size_t rows);
  void adamStep();
  double squaredErrors(const std::vector<Span>& batch, bool withGradient);

  TrainerConfig config_;
  std::vector<TrainingTrajectory> trajectories_;
  std::vector<std::shared_ptr<const MappedFile>> files_;  // of each trajectory; null where states are inline
  std::vector<size_t> training_, validation_;             // indices of trajectories
  std::vector<float> mean_;
  float scale_ = 1;

  std::vector<TrainedLayer> layers_;
  std::mt19937_64 random_;
  int epochs_ = 0;
  int64_t steps_ = 0;

  // Of the batch at hand, `rows` states: input (rows, inputDim); activation[l] after ReLU and its gradient
  // delta[l] before it (rows, outputs of layer l); values and their gradients (rows).
  std::vector<float> input_, values_, valueGradients_;
  std::vector<std::vector<float>> activation_, delta_;
};
