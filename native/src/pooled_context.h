// Whole texts, a vector each: a context that pools a text's states and hands out the raw logits of a classification
// head (LLAMA_POOLING_TYPE_RANK), or the text's embedding, pooled as the file says. JS class `PooledContext`.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "ggml_team.h"
#include "model.h"
#include "rank_hook.h"

class PooledBinding : public Napi::ObjectWrap<PooledBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  // new PooledContext(model, {vector: 'logits' | 'embedding', contextTokens, batchTokens, threads})
  explicit PooledBinding(const Napi::CallbackInfo& info);

 private:
  friend class PooledWorker;

  Napi::Value read(const Napi::CallbackInfo& info);
  void setThreads(const Napi::CallbackInfo& info);
  void free(const Napi::CallbackInfo& info);

  void makeContext(Napi::Env env, enum llama_pooling_type pooling, int threads);
  void useThreads(int threads);
  void refuseUnlessIdle(Napi::Env env) const;

  ModelPointer model;                            // a context must not outlive its model
  std::unique_ptr<RankHook> hook;                // null for embeddings
  std::vector<std::unique_ptr<GgmlTeam>> teams;  // the last is in use; llama.cpp still pauses the ones before
  std::unique_ptr<llama_context, decltype(&llama_free)> context;
  int contextTokens = 0, batchTokens = 0, vocabularySize = 0, embeddingSize = 0;
  bool decoding = false;
};

void initPooled(Napi::Env env, Napi::Object exports);
