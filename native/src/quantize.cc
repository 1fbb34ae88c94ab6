#include "quantize.h"

#include <stdexcept>
#include <string>

#include "arguments.h"
#include "library.h"

namespace {

class QuantizeWorker : public Napi::AsyncWorker {
 public:
  QuantizeWorker(Napi::Env env, std::string source, std::string target, llama_ftype type, int threads)
      : AsyncWorker(env),
        deferred(Napi::Promise::Deferred::New(env)),
        source(std::move(source)),
        target(std::move(target)),
        type(type),
        threads(threads) {}

  Napi::Promise promise() { return deferred.Promise(); }

  void Execute() override {
    const Library& lib = library();
    llama_model_quantize_params params = lib.llama_model_quantize_default_params();
    params.ftype = type;
    params.nthread = threads;
    params.allow_requantize = true;  // the source may be quantised itself
    takeLog();
    if (lib.llama_model_quantize(source.c_str(), target.c_str(), &params) != 0) {
      const std::string reason = takeLog();
      throw std::runtime_error(reason.empty() ? "llama.cpp could not quantise the model" : reason);
    }
  }

  void OnOK() override { deferred.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred;
  std::string source, target;
  llama_ftype type;
  int threads;
};

llama_ftype requireType(Napi::Value value) {
  const std::string name = requireString(value, "type");
  if (name == "q4_0") return LLAMA_FTYPE_MOSTLY_Q4_0;
  if (name == "q4_k_m") return LLAMA_FTYPE_MOSTLY_Q4_K_M;
  if (name == "q8_0") return LLAMA_FTYPE_MOSTLY_Q8_0;
  throw Napi::RangeError::New(value.Env(), "type must be q4_0, q4_k_m or q8_0");
}

Napi::Value quantizeModel(const Napi::CallbackInfo& info) {
  const std::string source = requireString(info[0], "source"), target = requireString(info[1], "target");
  const Napi::Object settings = requireObject(info[2], "the settings");
  const llama_ftype type = requireType(settings.Get("type"));
  const int threads = static_cast<int>(requireInteger(settings.Get("threads"), "threads", 1, 512));
  auto* worker = new QuantizeWorker(info.Env(), source, target, type, threads);
  Napi::Promise promise = worker->promise();
  worker->Queue();  // deletes itself
  return promise;
}

}  // namespace

void initQuantize(Napi::Env env, Napi::Object exports) {
  exports["quantizeModel"] = Napi::Function::New(env, quantizeModel, "quantizeModel");
}
