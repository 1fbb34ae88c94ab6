#include "sampler.h"

Napi::Function SamplerBinding::define(Napi::Env env) { return DefineClass(env, "Sampler", {}); }

SamplerBinding::SamplerBinding(const Napi::CallbackInfo& info)
    : ObjectWrap(info), pointer(nullptr, library().llama_sampler_free) {
  info.This().As<Napi::Object>().TypeTag(&tag);
  const Napi::Object settings = requireObject(info[0], "the settings");
  const double temperature = requireNumber(settings.Get("temperature"), "temperature");
  const int64_t topK = requireInteger(settings.Get("topK"), "topK", 0, INT32_MAX);
  const double topP = requireNumber(settings.Get("topP"), "topP"), minP = requireNumber(settings.Get("minP"), "minP");
  const int64_t seed = requireInteger(settings.Get("seed"), "seed", 0, UINT32_MAX);

  const Library& lib = library();
  pointer.reset(lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params()));
  if (temperature <= 0) {
    lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_greedy());
    return;
  }
  if (topK > 0) {
    lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_top_k(static_cast<int32_t>(topK)));
  }
  if (topP < 1) {
    lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_top_p(static_cast<float>(topP), 1));
  }
  if (minP > 0) {
    lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_min_p(static_cast<float>(minP), 1));
  }
  lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_temp(static_cast<float>(temperature)));
  lib.llama_sampler_chain_add(chain(), lib.llama_sampler_init_dist(static_cast<uint32_t>(seed)));
}

void initSampler(Napi::Env env, Napi::Object exports) { exports["Sampler"] = SamplerBinding::define(env); }
