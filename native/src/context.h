// A llama.cpp context with the state hook: decodes many sequences in one batch. JS class `Context`.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "adapter.h"
#include "ggml_team.h"
#include "model.h"
#include "state_hook.h"

class DecodeWorker;

class ContextBinding : public Napi::ObjectWrap<ContextBinding> {
 public:
  static Napi::Function define(Napi::Env env);
  // new Context(model, {contextTokens, sequences, batchTokens, threads, observe = true})
  explicit ContextBinding(const Napi::CallbackInfo& info);

 private:
  friend class DecodeWorker;

  Napi::Value decode(const Napi::CallbackInfo& info);      // decode.cc
  Napi::Value sample(const Napi::CallbackInfo& info);      // context_logits.cc, and the next two
  Napi::Value logits(const Napi::CallbackInfo& info);
  Napi::Value candidates(const Napi::CallbackInfo& info);
  void removeSequence(const Napi::CallbackInfo& info);
  void copySequence(const Napi::CallbackInfo& info);
  void clear(const Napi::CallbackInfo& info);
  void setThreads(const Napi::CallbackInfo& info);
  void setLora(const Napi::CallbackInfo& info);           // adapter.cc
  void setControlVector(const Napi::CallbackInfo& info);  // adapter.cc
  void free(const Napi::CallbackInfo& info);

  std::vector<int> requireEntries(const Napi::Object& batch, DecodeWorker& worker) const;
  std::vector<Control> requireControls(Napi::Value value, int rows) const;

  void useThreads(int threads);
  // Throws a JS error after free() and while a decode runs.
  llama_context* idle(Napi::Env env) const;
  int checkedSequence(const Napi::CallbackInfo& info, size_t argument) const;
  int checkedOutput(const Napi::CallbackInfo& info) const;

  ModelPointer model;  // a context must not outlive its model
  LoraPointer lora;    // nor the adapter that it uses
  bool hasControlVector = false;
  std::unique_ptr<StateHook> hook;
  bool observes = true;                          // whether llama.cpp calls the hook
  std::vector<std::unique_ptr<GgmlTeam>> teams;  // the last is in use; llama.cpp still pauses the ones before
  std::unique_ptr<llama_context, decltype(&llama_free)> context;
  int sequences = 0, batchTokens = 0, mostPositions = 0, vocabularySize = 0, stateSize = 0;
  std::vector<int> outputTokens;  // batch index of every output row of the last decode
  bool hasLogits = false;         // of those rows
  bool decoding = false;
};

void initContext(Napi::Env env, Napi::Object exports);
