// The addon: llama.cpp's libraries, the steered model with its hooked context, value functions and their trainer.
#include <napi.h>

#include "context.h"
#include "graph_binding.h"
#include "graph_network_binding.h"
#include "library.h"
#include "model.h"
#include "sampler.h"
#include "trainer_binding.h"
#include "value_function_binding.h"

namespace {

// openLibraries(directory) -> {system, devices: [{name, description, type}]}
Napi::Value openLibraries(const Napi::CallbackInfo& info) {
  openLibrary(requireString(info[0], "directory"));
  const Library& lib = library();
  Napi::Array devices = Napi::Array::New(info.Env());
  for (size_t i = 0; i < lib.ggml_backend_dev_count(); i++) {
    ggml_backend_dev_t device = lib.ggml_backend_dev_get(i);
    Napi::Object entry = Napi::Object::New(info.Env());
    entry["name"] = std::string(lib.ggml_backend_dev_name(device));
    entry["description"] = std::string(lib.ggml_backend_dev_description(device));
    entry["isGpu"] = lib.ggml_backend_dev_type(device) != GGML_BACKEND_DEVICE_TYPE_CPU;
    devices[static_cast<uint32_t>(i)] = entry;
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result["system"] = std::string(lib.llama_print_system_info());
  result["devices"] = devices;
  return result;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports["openLibraries"] = Napi::Function::New(env, openLibraries, "openLibraries");
  initModel(env, exports);
  initSampler(env, exports);
  initContext(env, exports);
  initValueFunction(env, exports);
  initTrainer(env, exports);
  initGraph(env, exports);
  initGraphNetwork(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(re_control, init)
