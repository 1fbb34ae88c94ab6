// Classification heads: a context that pools with LLAMA_POOLING_TYPE_RANK and hands out the head's raw logits. JS class
// `RankContext`. The logits are taken where the graph makes them, as what llama.cpp hands out is a softmax of them for
// some architectures (qwen3): with one label that is always 1.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "ggml_team.h"
#include "model.h"

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

class RankBinding : public Napi::ObjectWrap<RankBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  // new RankContext(model, {contextTokens, batchTokens, threads})
  explicit RankBinding(const Napi::CallbackInfo& info);

 private:
  friend class RankWorker;

  Napi::Value logits(const Napi::CallbackInfo& info);
  void setThreads(const Napi::CallbackInfo& info);
  void free(const Napi::CallbackInfo& info);

  void makeContext(Napi::Env env, int threads);
  void useThreads(int threads);
  void refuseUnlessIdle(Napi::Env env) const;

  ModelPointer model;  // a context must not outlive its model
  std::unique_ptr<RankHook> hook;
  std::vector<std::unique_ptr<GgmlTeam>> teams;  // the last is in use; llama.cpp still pauses the ones before
  std::unique_ptr<llama_context, decltype(&llama_free)> context;
  int contextTokens = 0, batchTokens = 0, vocabularySize = 0;
  bool decoding = false;
};

void initRank(Napi::Env env, Napi::Object exports);
