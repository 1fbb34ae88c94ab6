// A value function in training, wherever it is computed: on the processor, or by a ggml graph on any backend.
// Both follow the same definition of the loss and of Adam, and give the same curve up to rounding.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "value_function.h"

// What V(h_t) of a response h_1 .. h_T with reward r is drawn to, in squared errors summed over t.
enum class Objective {
  semiGradient,  // the paper's: V(h_t+1), taken as a constant, and r at T
  fullGradient,  // the same with V(h_t+1) differentiated too
  lambdaReturn,  // TD(lambda)'s forward view: (1 - lambda) V(h_t+1) + lambda times the target of t+1, a constant; r at T.
                 // lambda 0 is the semi-gradient, lambda 1 Monte Carlo: r at every token
  asPublished,   // the paper's public code: full gradient, and the error to r is that of the first token, not of the last
};

struct Loss {
  Objective objective;
  double lambda = 0;  // of lambdaReturn
};

// Whole trajectories, one state a row, as the network takes them (standardised).
struct TrainingBatch {
  const float* input;   // (rows, inputDim)
  const int32_t* next;  // (rows): the row of the trajectory's next state; -1 at its last
  const float* reward;  // (rows): of the row's trajectory
  int rows;
  int trajectories;
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
  // One step of Adam along the gradient of the batch's loss: the squared Bellman errors summed over its rows,
  // over the number of its trajectories. A result that is not finite is the caller's to name.
  virtual StepResult step(const TrainingBatch& batch, const StepSettings& settings) = 0;
  virtual OptimiserState state() const = 0;
  virtual void restore(const OptimiserState& state) = 0;
};

// Makes the network that starts from these layers.
using NetworkFactory = std::function<std::unique_ptr<TrainedNetwork>(std::vector<LinearLayer>)>;
