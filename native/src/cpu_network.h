// A value function in training on the processor, in float32. Results do not depend on the number of threads.
#pragma once

#include "adam.h"
#include "trained_network.h"

class CpuNetwork : public TrainedNetwork {
 public:
  // The hidden layers in order, if any, then the output layer with one output. Throws std::invalid_argument when
  // the shapes do not fit together or a number is not finite.
  CpuNetwork(std::vector<LinearLayer> layers, Loss loss, int threads);

  void values(const float* input, int rows, float* out) override;
  // Takes no step when the errors or the gradient are not finite.
  StepResult step(const TrainingBatch& batch, const StepSettings& settings) override;
  OptimiserState state() const override;
  // Throws std::invalid_argument when the state is one of other dimensions.
  void restore(const OptimiserState& state) override;

 private:
  // weight (outputs, inputs) row-major, bias (outputs)
  struct Layer {
    int inputs, outputs;
    TrainedTensor weight, bias;
  };

  void forward(const float* input, size_t rows);
  double squaredErrors(const TrainingBatch& batch);
  void addPairs(const TrainingBatch& batch);
  std::vector<double> targets(const TrainingBatch& batch) const;
  void backward(const float* input, size_t rows);
  void hiddenGradients(size_t layer, size_t rows);
  int firstNonFiniteOutput() const;
  std::vector<TrainedTensor*> tensors();

  const Loss loss_;
  const int threads_;
  std::vector<Layer> layers_;
  int64_t steps_ = 0;

  // Of the batch at hand: activation[l] after ReLU and its gradient delta[l] before it (rows, outputs of
  // layer l); values and their gradients (rows).
  std::vector<float> values_, valueGradients_;
  std::vector<std::vector<float>> activation_, delta_;
};
