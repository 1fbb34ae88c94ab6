#include "adapter.h"

#include <cmath>

#include "context.h"

Napi::Function LoraAdapterBinding::define(Napi::Env env) { return DefineClass(env, "LoraAdapter", {}); }

LoraAdapterBinding::LoraAdapterBinding(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  itsModel = requireInstance<ModelBinding>(info[0], "the first argument")->model(info.Env());
  const std::string file = requireString(info[1], "file");
  takeLog();
  llama_adapter_lora* loaded = library().llama_adapter_lora_init(itsModel.get(), file.c_str());
  if (!loaded) {
    const std::string reason = takeLog();
    throw Napi::Error::New(info.Env(), reason.empty() ? "llama.cpp could not load the adapter" : reason);
  }
  pointer = LoraPointer(loaded, [model = itsModel](llama_adapter_lora* adapter) {
    library().llama_adapter_lora_free(adapter);
  });
  info.This().As<Napi::Object>().TypeTag(&tag);
}

// setLora(adapter | null, scale): from the next decode on; what was decoded before stays as it is
void ContextBinding::setLora(const Napi::CallbackInfo& info) {
  llama_context* ctx = idle(info.Env());
  if (info[0].IsNull()) {
    library().llama_set_adapters_lora(ctx, nullptr, 0, nullptr);
    lora.reset();
    return;
  }
  const auto* binding = requireInstance<LoraAdapterBinding>(info[0], "the adapter");
  if (binding->model() != model) {
    throw Napi::RangeError::New(info.Env(), "the adapter was loaded for another model");
  }
  float scale = static_cast<float>(requireNumber(info[1], "scale"));
  if (!std::isfinite(scale)) {
    throw Napi::RangeError::New(info.Env(), "scale must be a finite number");
  }
  llama_adapter_lora* adapter = binding->adapter().get();
  library().llama_set_adapters_lora(ctx, &adapter, 1, &scale);
  lora = binding->adapter();
}

// setControlVector(Float32Array((layers - 1) * D) | null): added to the output of every layer from the second on
void ContextBinding::setControlVector(const Napi::CallbackInfo& info) {
  llama_context* ctx = idle(info.Env());
  const Library& lib = library();
  if (info[0].IsNull()) {
    if (hasControlVector) {  // llama.cpp would plan its graphs anew
      lib.llama_set_adapter_cvec(ctx, nullptr, 0, 0, 0, 0);
    }
    hasControlVector = false;
    return;
  }
  const Napi::Float32Array data = requireFloat32Array(info[0], "the control vector");
  const int layers = lib.llama_model_n_layer(model.get()), size = lib.llama_model_n_embd(model.get());
  // llama.cpp would leave what it had in layers that a shorter one does not reach
  if (data.ElementLength() != static_cast<size_t>(layers - 1) * size) {
    throw Napi::RangeError::New(info.Env(), "a control vector of this model has " + std::to_string(layers - 1) + " x " +
                                                std::to_string(size) + " numbers");
  }
  takeLog();
  if (lib.llama_set_adapter_cvec(ctx, data.Data(), data.ElementLength(), size, 1, layers - 1) != 0) {
    throw Napi::Error::New(info.Env(), "llama.cpp could not set the control vector: " + takeLog());
  }
  hasControlVector = true;
}

void initAdapter(Napi::Env env, Napi::Object exports) { exports["LoraAdapter"] = LoraAdapterBinding::define(env); }
