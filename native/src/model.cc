#include "model.h"

#include <stdexcept>

namespace {

Napi::FunctionReference modelConstructor;

class LoadWorker : public Napi::AsyncWorker {
 public:
  LoadWorker(Napi::Env env, std::string file, int gpuLayers, bool vocabularyOnly)
      : AsyncWorker(env),
        deferred(Napi::Promise::Deferred::New(env)),
        file(std::move(file)),
        gpuLayers(gpuLayers),
        vocabularyOnly(vocabularyOnly) {}

  Napi::Promise promise() { return deferred.Promise(); }

  void Execute() override {
    const Library &lib = library();
    takeLog();
    llama_model_params params = lib.llama_model_default_params();
    params.n_gpu_layers = gpuLayers;
    params.vocab_only = vocabularyOnly;
    ggml_backend_dev_t none = nullptr;
    if (gpuLayers == 0) {
      params.devices = &none;  // not even for large products, which llama.cpp would send to a GPU otherwise
    }
    llama_model *loaded = lib.llama_model_load_from_file(file.c_str(), params);
    if (!loaded) {
      std::string reason = takeLog();
      throw std::runtime_error(reason.empty() ? "llama.cpp could not load the model" : reason);
    }
    model = ModelPointer(loaded, lib.llama_model_free);
  }

  void OnOK() override {
    auto holder = Napi::External<ModelPointer>::New(Env(), &model);
    deferred.Resolve(modelConstructor.New({holder}));
  }

  void OnError(const Napi::Error &error) override { deferred.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred;
  std::string file;
  int gpuLayers;
  bool vocabularyOnly;
  ModelPointer model;
};

}  // namespace

Napi::Function ModelBinding::define(Napi::Env env) {
  return DefineClass(
      env, "Model",
      {InstanceMethod<&ModelBinding::facts>("facts"), InstanceMethod<&ModelBinding::tokenize>("tokenize"),
       InstanceMethod<&ModelBinding::piece>("piece"),
       InstanceMethod<&ModelBinding::isEndOfGeneration>("isEndOfGeneration"),
       InstanceMethod<&ModelBinding::free>("free")});
}

ModelBinding::ModelBinding(const Napi::CallbackInfo &info) : ObjectWrap(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "a Model is made by loadModel");
  }
  pointer = *info[0].As<Napi::External<ModelPointer>>().Data();
  info.This().As<Napi::Object>().TypeTag(&tag);
}

ModelPointer ModelBinding::model(Napi::Env env) const {
  if (!pointer) {
    throw Napi::Error::New(env, "the model was freed");
  }
  return pointer;
}

Napi::Value ModelBinding::facts(const Napi::CallbackInfo &info) {
  ModelPointer m = model(info.Env());
  const Library &lib = library();
  const llama_vocab *vocab = lib.llama_model_get_vocab(m.get());
  char description[256];
  lib.llama_model_desc(m.get(), description, sizeof(description));
  const char *chatTemplate = lib.llama_model_chat_template(m.get(), nullptr);

  Napi::Object facts = Napi::Object::New(info.Env());
  facts["description"] = std::string(description);
  facts["stateSize"] = lib.llama_model_n_embd_out(m.get());
  facts["layers"] = lib.llama_model_n_layer(m.get());
  facts["trainedContext"] = lib.llama_model_n_ctx_train(m.get());
  facts["bytes"] = static_cast<double>(lib.llama_model_size(m.get()));
  facts["parameters"] = static_cast<double>(lib.llama_model_n_params(m.get()));
  facts["vocabularySize"] = lib.llama_vocab_n_tokens(vocab);
  facts["generates"] = lib.llama_model_has_decoder(m.get()) && !lib.llama_model_has_encoder(m.get()) &&
                       lib.llama_vocab_type(vocab) != LLAMA_VOCAB_TYPE_NONE;
  // a window or a recurrence forgets what lies before a prefix's end
  facts["sharesPrefixes"] = !lib.llama_model_is_recurrent(m.get()) && !lib.llama_model_is_hybrid(m.get()) &&
                            lib.llama_model_n_swa(m.get()) == 0;
  facts["beginToken"] = lib.llama_vocab_bos(vocab);
  facts["endToken"] = lib.llama_vocab_eos(vocab);
  facts["addsBeginToken"] = lib.llama_vocab_get_add_bos(vocab);
  facts["chatTemplate"] = chatTemplate ? Napi::Value(Napi::String::New(info.Env(), chatTemplate)) : info.Env().Null();
  return facts;
}

// tokenize(text, addSpecial, parseSpecial) -> Int32Array
Napi::Value ModelBinding::tokenize(const Napi::CallbackInfo &info) {
  ModelPointer m = model(info.Env());
  const std::string text = requireString(info[0], "text");
  const bool addSpecial = requireBoolean(info[1], "addSpecial"), parseSpecial = requireBoolean(info[2], "parseSpecial");
  const Library &lib = library();
  const llama_vocab *vocab = lib.llama_model_get_vocab(m.get());
  std::vector<llama_token> tokens(text.size() + 8);
  int32_t length = static_cast<int32_t>(text.size());
  int32_t count = lib.llama_tokenize(vocab, text.data(), length, tokens.data(), static_cast<int32_t>(tokens.size()),
                                     addSpecial, parseSpecial);
  if (count < 0 && count != INT32_MIN) {  // -count is the size that it needs
    tokens.resize(-count);
    count = lib.llama_tokenize(vocab, text.data(), length, tokens.data(), static_cast<int32_t>(tokens.size()),
                               addSpecial, parseSpecial);
  }
  if (count < 0) {
    throw Napi::Error::New(info.Env(), "the text cannot be tokenized");
  }
  Napi::Int32Array result = Napi::Int32Array::New(info.Env(), count);
  std::copy_n(tokens.data(), count, result.Data());
  return result;
}

llama_token ModelBinding::checkedToken(const Napi::CallbackInfo &info) const {
  const Library &lib = library();
  const llama_vocab *vocab = lib.llama_model_get_vocab(model(info.Env()).get());
  return static_cast<llama_token>(requireInteger(info[0], "token", 0, lib.llama_vocab_n_tokens(vocab) - 1));
}

// piece(token, special) -> Uint8Array: the token's bytes, which need not be whole UTF-8 characters
Napi::Value ModelBinding::piece(const Napi::CallbackInfo &info) {
  ModelPointer m = model(info.Env());
  const Library &lib = library();
  llama_token token = checkedToken(info);
  bool special = info.Length() > 1 && info[1].ToBoolean();
  std::vector<char> bytes(64);
  const llama_vocab *vocab = lib.llama_model_get_vocab(m.get());
  int32_t count = lib.llama_token_to_piece(vocab, token, bytes.data(), static_cast<int32_t>(bytes.size()), 0, special);
  if (count < 0) {
    bytes.resize(-count);
    count = lib.llama_token_to_piece(vocab, token, bytes.data(), static_cast<int32_t>(bytes.size()), 0, special);
  }
  Napi::Uint8Array result = Napi::Uint8Array::New(info.Env(), std::max(count, 0));
  std::copy_n(bytes.data(), result.ElementLength(), result.Data());
  return result;
}

Napi::Value ModelBinding::isEndOfGeneration(const Napi::CallbackInfo &info) {
  const Library &lib = library();
  const llama_vocab *vocab = lib.llama_model_get_vocab(model(info.Env()).get());
  return Napi::Boolean::New(info.Env(), lib.llama_vocab_is_eog(vocab, checkedToken(info)));
}

void ModelBinding::free(const Napi::CallbackInfo &) { pointer.reset(); }

Napi::Value loadModel(const Napi::CallbackInfo &info) {
  const std::string file = requireString(info[0], "file");
  const int gpuLayers = static_cast<int>(requireInteger(info[1], "gpuLayers", 0, 10000));
  const bool vocabularyOnly = !info[2].IsUndefined() && requireBoolean(info[2], "vocabularyOnly");
  auto *worker = new LoadWorker(info.Env(), file, gpuLayers, vocabularyOnly);
  Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

void initModel(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = ModelBinding::define(env);
  modelConstructor = Napi::Persistent(constructor);
  modelConstructor.SuppressDestruct();
  exports["Model"] = constructor;
  exports["loadModel"] = Napi::Function::New(env, loadModel, "loadModel");
}
