// The ascent of ascent.h as a ggml graph on the device that holds the states: with the model on a GPU they are
// edited where they are, and only three numbers a row cross the bus.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "ascent.h"
#include "graph_device.h"
#include "value_function.h"

class GraphAscent {
 public:
  static constexpr int mostUpdates = 1000;  // each is some ten nodes of the graph

  // Throws std::invalid_argument for layers that form no value function, DeviceFailure when the device lacks an
  // operation or memory.
  GraphAscent(ggml_backend_dev_t device, const std::vector<LinearLayer>& layers);
  ~GraphAscent();

  int inputDim() const { return int(inputDim_); }
  ggml_backend_dev_t device() const { return device_.device(); }

  // Edits these rows of the states (inputDim, any number of rows), a contiguous float32 tensor on this device or in
  // the host's memory that no one else reads or writes meanwhile; the others keep every bit, and so do the named
  // ones when no update moves them, or when they or their ascent are not finite. `report` has one number for each entry
  // of `rows`, in their order; what is not finite is reported as it is. Throws std::invalid_argument for another shape,
  // a row that is not there, or updates outside 0 to mostUpdates, DeviceFailure when the device fails. May be
  // called from several threads, one at a time gets through.
  void ascend(ggml_tensor* states, const std::vector<int>& rows, const Ascent& settings, AscentReport report);

 private:
  struct Graph;
  // What a graph is built for; all other settings are inputs.
  struct Shape {
    int rows, updates;
    bool target, trustRegion;
    auto operator<=>(const Shape&) const = default;
  };

  // A matrix as the sum of two in float16, which has 22 bits: its products with zeros and ones, on whatever hardware a
  // device multiplies float16, are as good as float32's. One float16 matrix would not do: where a unit flips one update
  // too early or too late, that is its share of a step, and Delta h was seen off by 4e-3 of its length.
  struct Split {
    ggml_tensor *high, *low;
  };

  void computeGram(float largestOutputWeight);
  std::unique_ptr<Graph> build(const Shape& shape) const;
  Graph& graphFor(const Shape& shape);
  void setSettings(const Ascent& settings);
  void ascendSome(ggml_tensor* states, const std::vector<int>& rows, const Ascent& settings, AscentReport report);
  ggml_tensor* values(const DeviceGraph& graph, ggml_tensor* z) const;
  ggml_tensor* reported(const DeviceGraph& graph, ggml_tensor* V, ggml_tensor* z1) const;

  const GraphDevice device_;
  const int64_t inputDim_, hidden1_, hidden2_;  // hidden2_ is 0 with one hidden layer
  DeviceTensors tensors_;

  // On the device, shapes as ggml's. float16 has a narrow range, so the split matrices come over a scale.
  struct {
    ggml_tensor *W1, *b1;                       // (D, H1), (H1)
    ggml_tensor* W1T;                           // (H1, D)
    Split weightedGram;                         // one hidden layer: G (H1, H1) times w2, over gramScale_
    ggml_tensor* gram;                          // two: G
    ggml_tensor *W2, *b2;                       // two: (H1, H2), (H2)
    Split weightedW2T;                          // two: W2^T (H2, H1) times w3, over secondScale_
    ggml_tensor *wOut, *bOut;                   // (H, 1), (1)
    ggml_tensor *zStep, *stateStep;             // (1): what a step s is multiplied with in z and in h
    ggml_tensor *target, *tolerance, *maxEdit;  // (1)
  } on_;
  float gramScale_ = 1, secondScale_ = 1;

  std::mutex mutex_;
  Ascent settings_;  // those on the device
  std::map<Shape, std::unique_ptr<Graph>> graphs_;
  uint64_t uses_ = 0;
};
