// A chain of llama.cpp's samplers with its own seed. JS class `Sampler`.
#pragma once

#include <napi.h>

#include <memory>

#include "arguments.h"
#include "library.h"

using SamplerPointer = std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)>;

class SamplerBinding : public Napi::ObjectWrap<SamplerBinding> {
 public:
  static constexpr const char* className = "Sampler";
  static constexpr napi_type_tag tag = {0x7d94e1c3560b4a2f, 0x8e25b7f9041d63ca};

  static Napi::Function define(Napi::Env env);
  // new Sampler({temperature, topK, topP, minP, seed}); temperature 0 is greedy
  explicit SamplerBinding(const Napi::CallbackInfo& info);

  llama_sampler* chain() const { return pointer.get(); }

 private:
  SamplerPointer pointer;
};

void initSampler(Napi::Env env, Napi::Object exports);
