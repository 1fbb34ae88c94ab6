#include "sampler.h"

namespace {

double numberOf(const Napi::Object & settings, const char * name) {
    Napi::Value value = settings.Get(name);
    if (!value.IsNumber()) {
        throw Napi::TypeError::New(settings.Env(), std::string("sampling needs the number ") + name);
    }
    return value.As<Napi::Number>();
}

}  // namespace

Napi::Function SamplerBinding::define(Napi::Env env) { return DefineClass(env, "Sampler", {}); }

SamplerBinding::SamplerBinding(const Napi::CallbackInfo & info) : ObjectWrap(info), pointer(nullptr, library().llama_sampler_free) {
    if (info.Length() != 1 || !info[0].IsObject()) {
        throw Napi::TypeError::New(info.Env(), "new Sampler({temperature, topK, topP, minP, seed})");
    }
    Napi::Object settings = info[0].As<Napi::Object>();
    double temperature = numberOf(settings, "temperature"), topK = numberOf(settings, "topK");
    double topP = numberOf(settings, "topP"), minP = numberOf(settings, "minP"), seed = numberOf(settings, "seed");

    const Library & lib = library();
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
