// A model loaded by llama.cpp: weights, vocabulary, facts. JS class `Model`.
#pragma once

#include <napi.h>

#include <memory>

#include "arguments.h"
#include "library.h"

using ModelPointer = std::shared_ptr<llama_model>;  // freed when the last context that uses it is gone

class ModelBinding : public Napi::ObjectWrap<ModelBinding> {
 public:
  static constexpr const char* className = "Model";
  static constexpr napi_type_tag tag = {0x1c7e52ab90d34f68, 0xa3f08b6d25e94c17};

  static Napi::Function define(Napi::Env env);
  explicit ModelBinding(const Napi::CallbackInfo& info);

  // Throws a JS error after free().
  ModelPointer model(Napi::Env env) const;

 private:
  Napi::Value facts(const Napi::CallbackInfo& info);
  Napi::Value tokenize(const Napi::CallbackInfo& info);
  Napi::Value piece(const Napi::CallbackInfo& info);
  Napi::Value isEndOfGeneration(const Napi::CallbackInfo& info);
  void free(const Napi::CallbackInfo& info);

  llama_token checkedToken(const Napi::CallbackInfo& info) const;

  ModelPointer pointer;
};

// loadModel(file, gpuLayers, vocabularyOnly = false) -> Promise<Model>: so many layers from the last one on, the output
// head counted as one, on the GPUs of the open variant; with 0 none of them is used. With `vocabularyOnly` it has no
// weights, and no context can be made of it.
Napi::Value loadModel(const Napi::CallbackInfo& info);
void initModel(Napi::Env env, Napi::Object exports);
