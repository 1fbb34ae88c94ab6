#include "sampler.h"

#include "top_k.h"

TokenSampler::TokenSampler(const SamplerSettings& settings)
    : pointer(nullptr, library().llama_sampler_free), greedy(settings.temperature <= 0), topK(settings.topK) {
  const Library& lib = library();
  pointer.reset(lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params()));
  if (greedy) {
    lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_greedy());
    return;
  }
  if (topK > 0) {
    lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_top_k(topK));
  }
  if (settings.topP < 1) {
    lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_top_p(static_cast<float>(settings.topP), 1));
  }
  if (settings.minP > 0) {
    lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_min_p(static_cast<float>(settings.minP), 1));
  }
  lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_temp(static_cast<float>(settings.temperature)));
  lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_dist(settings.seed));
}

llama_token TokenSampler::draw(const float* logits, int vocabulary) {
  if (hasNanOrInfinity(logits, vocabulary)) {
    return -1;
  }
  if (greedy) {
    return firstLargest(logits, vocabulary);
  }
  const Library& lib = library();
  const bool selected = topK > 0 && topK < vocabulary && largestInOrder(logits, vocabulary, topK, best);
  candidates.clear();
  if (selected) {
    for (int token : best) candidates.push_back({token, logits[token], 0});
  } else {
    for (int token = 0; token < vocabulary; token++) candidates.push_back({token, logits[token], 0});
  }
  llama_token_data_array array = {candidates.data(), candidates.size(), -1, selected};
  lib.llama_sampler_apply(chain(), &array);
  if (array.selected < 0 || array.selected >= static_cast<int64_t>(array.size)) {
    return -1;
  }
  const llama_token token = array.data[array.selected].id;
  lib.llama_sampler_accept(chain(), token);
  return token;
}

Napi::Function SamplerBinding::define(Napi::Env env) {
  return DefineClass(env, "Sampler", {InstanceMethod<&SamplerBinding::draw>("draw")});
}

// draw(logits: Float32Array) -> index of the one that is drawn
Napi::Value SamplerBinding::draw(const Napi::CallbackInfo& info) {
  const Napi::Float32Array logits = requireFloat32Array(info[0], "logits");
  if (logits.ElementLength() == 0) {
    throw Napi::RangeError::New(info.Env(), "there are no logits to draw from");
  }
  const llama_token drawn = pointer->draw(logits.Data(), static_cast<int>(logits.ElementLength()));
  if (drawn < 0) {
    throw Napi::Error::New(info.Env(), "the logits are not finite");
  }
  return Napi::Number::New(info.Env(), drawn);
}

SamplerBinding::SamplerBinding(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&tag);
  const Napi::Object settings = requireObject(info[0], "the settings");
  pointer = std::make_shared<TokenSampler>(
      SamplerSettings{requireNumber(settings.Get("temperature"), "temperature"),
                      static_cast<int>(requireInteger(settings.Get("topK"), "topK", 0, INT32_MAX)),
                      requireNumber(settings.Get("topP"), "topP"), requireNumber(settings.Get("minP"), "minP"),
                      static_cast<uint32_t>(requireInteger(settings.Get("seed"), "seed", 0, UINT32_MAX))});
}

void initSampler(Napi::Env env, Napi::Object exports) { exports["Sampler"] = SamplerBinding::define(env); }
