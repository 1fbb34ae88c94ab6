// A LoRA adapter loaded beside one model's weights. JS class `LoraAdapter`.
#pragma once

#include <napi.h>

#include <memory>

#include "model.h"

using LoraPointer = std::shared_ptr<llama_adapter_lora>;  // keeps its model; freed when no context uses it any more

class LoraAdapterBinding : public Napi::ObjectWrap<LoraAdapterBinding> {
 public:
  static constexpr const char* className = "LoraAdapter";
  static constexpr napi_type_tag tag = {0x5b91c3d60f7a42e8, 0x86e21fd4a97350bc};

  static Napi::Function define(Napi::Env env);
  // new LoraAdapter(model, file): the file must have been checked against the model, as llama.cpp aborts on some that do
  // not fit. Not while a context of the model decodes: both touch the model's list of adapters.
  explicit LoraAdapterBinding(const Napi::CallbackInfo& info);

  const LoraPointer& adapter() const { return pointer; }
  const ModelPointer& model() const { return itsModel; }

 private:
  ModelPointer itsModel;
  LoraPointer pointer;
};

void initAdapter(Napi::Env env, Napi::Object exports);
