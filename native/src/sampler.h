// A chain of llama.cpp's samplers with its own seed. JS class `Sampler`.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "arguments.h"
#include "library.h"

using SamplerPointer = std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)>;

struct SamplerSettings {
  double temperature;  // 0 is greedy
  int topK;            // 0: all
  double topP, minP;
  uint32_t seed;
};

class TokenSampler {
 public:
  explicit TokenSampler(const SamplerSettings& settings);

  llama_sampler* chain() const { return pointer.get(); }

  // The token that the chain would draw from these logits, without handing it the whole vocabulary where its first
  // step, the k largest, can be taken here. -1 when a logit is NaN or +infinity: the chain's sorts would read past
  // their ends. logits (vocabulary)
  llama_token draw(const float* logits, int vocabulary);

 private:
  SamplerPointer pointer;
  bool greedy;
  int topK;
  std::vector<int> best;
  std::vector<llama_token_data> candidates;
};

class SamplerBinding : public Napi::ObjectWrap<SamplerBinding> {
 public:
  static constexpr const char* className = "Sampler";
  static constexpr napi_type_tag tag = {0x7d94e1c3560b4a2f, 0x8e25b7f9041d63ca};

  static Napi::Function define(Napi::Env env);
  // new Sampler({temperature, topK, topP, minP, seed}); temperature 0 is greedy
  explicit SamplerBinding(const Napi::CallbackInfo& info);

  const std::shared_ptr<TokenSampler>& sampler() const { return pointer; }

  Napi::Value draw(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<TokenSampler> pointer;  // a batch under way keeps it too
};

void initSampler(Napi::Env env, Napi::Object exports);
