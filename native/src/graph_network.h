// A value function in training as one ggml graph a step, on any of ggml's devices: the states go in, two numbers come
// out, everything else stays there. The same definition as the trainer's on the processor, and the same curve up to
// rounding; that is float32's on the processor, while devices with matrix units round what they multiply to TF32's 10
// bits (CUDA) or float16 (Vulkan, Metal).
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "graph_device.h"
#include "trained_network.h"
#include "trainer.h"

class GraphNetwork : public TrainedNetwork {
 public:
  // Throws std::invalid_argument for layers that form no value function, DeviceFailure when the device lacks an
  // operation or memory; so do the methods.
  GraphNetwork(ggml_backend_dev_t device, const std::vector<LinearLayer>& initial, Objective objective);

  void values(const float* input, int rows, float* out) override;
  StepResult step(const TrainingBatch& batch, const StepSettings& settings) override;
  OptimiserState state() const override;
  void restore(const OptimiserState& state) override;

 private:
  struct Trained {
    ggml_tensor *value, *firstMoment, *secondMoment;
  };
  struct Layer {
    Trained weight, bias;  // (inputs, outputs), (outputs)
  };
  // For batches of up to `rows` states; what is missing is filled with states that do not count.
  struct Graph {
    int rows;
    DeviceGraph nodes;
    ggml_tensor* input;  // (D, rows)
    // Of a step. Rows: the next state's and the previous state's of the trajectory (0 where there is none); masks: 1
    // where there is a next, 1 where there is a previous, the reward at a trajectory's last, 1 where a state counts.
    ggml_tensor *neighbours = nullptr, *masks = nullptr;  // (rows, 2), (rows, 4)
    ggml_tensor* output = nullptr;                        // V (1, rows); squared errors and gradient norm (2)
  };

  Graph open(int rows, int mostNodes) const;
  // What each layer takes, x0 to the last hidden layer's activations, and V (1, rows) last.
  std::vector<ggml_tensor*> forward(const DeviceGraph& graph, ggml_tensor* input) const;
  Graph buildValues(int rows) const;
  Graph buildStep(int rows) const;
  std::vector<Trained> trained() const;

  const GraphDevice device_;
  const Objective objective_;
  const int inputDim_;
  DeviceTensors tensors_;
  std::vector<Layer> layers_;
  ggml_tensor *weightAdam_, *biasAdam_;     // (7): as ggml_opt_step_adamw takes them
  ggml_tensor *gradientScale_, *clipNorm_;  // (1)
  std::map<int, Graph> valueGraphs_, stepGraphs_;
  int64_t steps_ = 0;
};

std::unique_ptr<TrainedNetwork> makeGraphNetwork(ggml_backend_dev_t device, const std::vector<LinearLayer>& initial,
                                                 Objective objective);
