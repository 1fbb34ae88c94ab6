// A value function in training, wherever it is computed: on the processor, or by a ggml graph on any backend.
// Both follow the same definition of the loss and of Adam, and give the same curve up to rounding.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "training_data.h"
#include "value_function.h"

// What V(h_t) of a response h_1 .. h_T with reward r is drawn to, in squared errors summed over t.
enum class Objective {
  semiGradient,  // the paper's: V(h_t+1), taken as a constant, and r at T
  fullGradient,  // the same with V(h_t+1) differentiated too
  lambdaReturn,  // TD(lambda)'s forward view: (1 - lambda) V(h_t+1) + lambda times the target of t+1, a constant; r at T.
                 // lambda 0 is the semi-gradient, lambda 1 Monte Carlo: r at every token
  asPublished,   // the paper's public code: full gradient, and the error to r is that of the first token, not of the last
  prefCtrl,      // Pref-CTRL (arXiv:2604.23543): the semi-gradient, and for each response with a pair, with V+ and V- at
                 // the last tokens of the preferred and the dispreferred answer to its prompt and V_gen at its own last,
                 // marginWeight (-log sigmoid(V+ - V-)) + regulariserWeight (V_gen - V+)^2. All three are differentiated.
};

struct Loss {
  Objective objective;
  double lambda = 0;                                // of lambdaReturn
  double marginWeight = 1, regulariserWeight = 1;  // of prefCtrl
};

// Whole trajectories, one state a row, as the network takes them (standardised). Behind their rows are the last states
// of the pairs' answers, two a pair.
struct TrainingBatch {
  const float* input;   // (rows + 2 pairCount, inputDim)
  const int32_t* next;  // (rows): the row of the trajectory's next state; -1 at its last
  const float* reward;  // (rows): of the row's trajectory
  int rows;
  int trajectories;
  const PairRows* pairs = nullptr;
  int pairCount = 0;
};

// The step's settings, which change from step to step.
struct StepSettings {
  double learningRate;
  double weightDecay;  // decoupled (AdamW): value -= learningRate weightDecay value; biases are not decayed
  double clipNorm;     // the gradient of all parameters is scaled down to this length; infinity: never
};

struct StepResult {
  double squaredErrors;    // sum of the squared Bellman errors of the batch, as met before the step
  double gradientNorm;     // of all parameters, before clipping
  int nonFiniteLayer = 0;  // counted from 1: the first whose numbers are not finite; 0: none, or not known
};

// What a checkpoint must hold to go on exactly: everything of Adam, layer by layer, weight then bias.
struct OptimiserState {
  std::vector<std::vector<float>> value, firstMoment, secondMoment;
  int64_t steps = 0;
};

class TrainedNetwork {
 public:
  virtual ~TrainedNetwork() = default;
  // V of each row. input (rows, inputDim), out (rows).
  virtual void values(const float* input, int rows, float* out) = 0;
  // One step of Adam along the gradient of the batch's loss: the squared Bellman errors summed over its rows, with what
  // the objective adds for its pairs, over the number of its trajectories. A result that is not finite is the caller's to name.
  virtual StepResult step(const TrainingBatch& batch, const StepSettings& settings) = 0;
  virtual OptimiserState state() const = 0;
  virtual void restore(const OptimiserState& state) = 0;
};

// Makes the network that starts from these layers.
using NetworkFactory = std::function<std::unique_ptr<TrainedNetwork>(std::vector<LinearLayer>)>;
