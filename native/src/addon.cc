// The addon: llama.cpp's libraries, the steered model with its hooked context, pooled texts, value functions
// and their trainer.
#include <napi.h>

#include "adapter.h"
#include "context.h"
#include "graph_binding.h"
#include "graph_network_binding.h"
#include "library.h"
#include "model.h"
#include "pooled_context.h"
#include "quantize.h"
#include "sampler.h"
#include "trainer_binding.h"
#include "value_function_binding.h"

namespace {

// openLibraries(directory, fallbackDirectory?) -> {system, devices: [{name, description, isGpu, memoryFree,
// memoryTotal}]}; memory in bytes
Napi::Value openLibraries(const Napi::CallbackInfo& info) {
  const std::string directory = requireString(info[0], "directory");
  const bool hasFallback = !info[1].IsUndefined() && !info[1].IsNull();
  openLibrary(directory, hasFallback ? requireString(info[1], "fallbackDirectory") : "");
  const Library& lib = library();
  Napi::Array devices = Napi::Array::New(info.Env());
  for (size_t i = 0; i < lib.ggml_backend_dev_count(); i++) {
    ggml_backend_dev_t device = lib.ggml_backend_dev_get(i);
    size_t memoryFree = 0, memoryTotal = 0;
    lib.ggml_backend_dev_memory(device, &memoryFree, &memoryTotal);
    Napi::Object entry = Napi::Object::New(info.Env());
    entry["name"] = std::string(lib.ggml_backend_dev_name(device));
    entry["description"] = std::string(lib.ggml_backend_dev_description(device));
    entry["isGpu"] = isGpu(device);
    entry["memoryFree"] = static_cast<double>(memoryFree);
    entry["memoryTotal"] = static_cast<double>(memoryTotal);
    devices[static_cast<uint32_t>(i)] = entry;
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result["system"] = std::string(lib.llama_print_system_info());
  result["devices"] = devices;
  return result;
}

// libraryProblem(library) -> why it cannot be opened here, or null
Napi::Value problemOfLibrary(const Napi::CallbackInfo& info) {
  const std::string problem = libraryProblem(requireString(info[0], "library"));
  return problem.empty() ? info.Env().Null() : Napi::Value(Napi::String::New(info.Env(), problem));
}

// Read by native/setup/versions.mjs too, from the compiled file.
const char compiledWith[] = "compiled with the headers of llama.cpp " LLAMA_CPP_RELEASE;

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports["openLibraries"] = Napi::Function::New(env, openLibraries, "openLibraries");
  exports["libraryProblem"] = Napi::Function::New(env, problemOfLibrary, "libraryProblem");
  exports["release"] = Napi::String::New(env, compiledWith + sizeof(compiledWith) - sizeof(LLAMA_CPP_RELEASE));
  initModel(env, exports);
  initQuantize(env, exports);
  initSampler(env, exports);
  initAdapter(env, exports);
  initContext(env, exports);
  initPooled(env, exports);
  initValueFunction(env, exports);
  initTrainer(env, exports);
  initGraph(env, exports);
  initGraphNetwork(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(re_control, init)
