// The raw logits of a classification head, taken where the graph makes them, as what llama.cpp hands out is a softmax
// of them for some architectures (qwen3): with one label that is always 1.
#pragma once

#include <string>
#include <vector>

#include "ggml.h"

// Watches a graph for the product with cls.output.weight and the bias that is added to it.
class RankHook {
 public:
  explicit RankHook(int labels) : labels(labels) {}

  // Before each decode.
  void prepare();

  // cb_eval; `user` is the RankHook. Never throws: a failure is kept for `failure`.
  static bool callback(ggml_tensor* tensor, bool ask, void* user);

  std::vector<float> logits;  // one a label; empty where the graph has no such product
  std::string failure;

 private:
  bool isLogits(const ggml_tensor* tensor) const;
  void read(ggml_tensor* tensor);

  const int labels;
  const ggml_tensor* product = nullptr;  // of the graph that runs now
};
