#include "rank.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

// The scheduler renames its copies of a weight ("CUDA0#cls.output.weight#0").
bool RankHook::isLogits(const ggml_tensor *tensor) const {
  if (tensor->op == GGML_OP_MUL_MAT) {
    return std::strstr(tensor->src[0]->name, "cls.output.weight") != nullptr;
  }
  return product != nullptr && tensor->op == GGML_OP_ADD && tensor->src[0] == product;
}

void RankHook::prepare() {
  product = nullptr;
  logits.clear();
  failure.clear();
}

bool RankHook::callback(ggml_tensor *tensor, bool ask, void *user) {
  auto *hook = static_cast<RankHook *>(user);
  if (!hook->isLogits(tensor)) {
    return !ask;  // not wanted; and when not asking, go on
  }
  if (ask) {
    return true;
  }
  try {
    hook->read(tensor);
    return true;
  } catch (const std::exception &error) {  // must not cross llama.cpp's C frames
    hook->failure = error.what();
    return false;
  }
}

void RankHook::read(ggml_tensor *tensor) {
  if (tensor->type != GGML_TYPE_F32 || tensor->ne[0] != labels || tensor->ne[1] != 1) {
    throw std::runtime_error("the classification head's output has an unexpected type or size");
  }
  if (tensor->op == GGML_OP_MUL_MAT) {
    product = tensor;
  }
  logits.resize(labels);
  library().ggml_backend_tensor_get(tensor, logits.data(), 0, sizeof(float) * labels);
}

// One text on its way through the model, off the JS thread.
class RankWorker : public Napi::AsyncWorker {
 public:
  RankWorker(Napi::Env env, RankBinding &binding, Napi::Object object, std::vector<llama_token> tokens)
      : AsyncWorker(env),
        deferred(Napi::Promise::Deferred::New(env)),
        binding(binding),
        self(Napi::Persistent(object)),
        tokens(std::move(tokens)) {}

  Napi::Promise promise() { return deferred.Promise(); }

  // The model sees the whole text before its logits are taken: those of the last batch are the text's, where attention
  // is causal; other architectures get it in one batch.
  void Execute() override {
    const Library &lib = library();
    if (llama_memory_t memory = lib.llama_get_memory(binding.context.get())) {
      lib.llama_memory_clear(memory, false);
    }
    const size_t most = static_cast<size_t>(binding.batchTokens);
    for (size_t begin = 0; begin < tokens.size(); begin += most) {
      decode(begin, std::min(tokens.size(), begin + most));
    }
  }

  void OnOK() override {
    binding.decoding = false;
    deferred.Resolve(toFloat32Array(Env(), binding.hook->logits));
  }

  void OnError(const Napi::Error &error) override {
    binding.decoding = false;
    deferred.Reject(error.Value());
  }

 private:
  void decode(size_t begin, size_t end) {
    const size_t n = end - begin;
    std::vector<llama_pos> positions(n);
    std::vector<int32_t> sequenceCounts(n, 1);
    llama_seq_id sequence = 0;
    std::vector<llama_seq_id *> sequenceLists(n, &sequence);
    std::vector<int8_t> outputs(n, 1);  // pooling needs them all
    for (size_t i = 0; i < n; i++) {
      positions[i] = static_cast<llama_pos>(begin + i);
    }
    llama_batch batch = {};
    batch.n_tokens = static_cast<int32_t>(n);
    batch.token = tokens.data() + begin;
    batch.pos = positions.data();
    batch.n_seq_id = sequenceCounts.data();
    batch.seq_id = sequenceLists.data();
    batch.logits = outputs.data();

    RankHook &hook = *binding.hook;
    hook.prepare();
    takeLog();
    const int result = library().llama_decode(binding.context.get(), batch);
    if (!hook.failure.empty()) {
      throw std::runtime_error(hook.failure);
    }
    if (result != 0) {
      throw std::runtime_error("llama_decode failed (" + std::to_string(result) + "): " + takeLog());
    }
    if (hook.logits.empty()) {
      throw std::runtime_error("llama.cpp's graph of this architecture has no classification head");
    }
  }

  Napi::Promise::Deferred deferred;
  RankBinding &binding;
  Napi::ObjectReference self;  // keeps the context alive until the text is through
  std::vector<llama_token> tokens;
};

Napi::Function RankBinding::define(Napi::Env env) {
  return DefineClass(
      env, "RankContext",
      {InstanceMethod<&RankBinding::logits>("logits"), InstanceMethod<&RankBinding::setThreads>("setThreads"),
       InstanceMethod<&RankBinding::free>("free")});
}

RankBinding::RankBinding(const Napi::CallbackInfo &info) : ObjectWrap(info), context(nullptr, library().llama_free) {
  const Library &lib = library();
  model = requireInstance<ModelBinding>(info[0], "the first argument")->model(info.Env());
  const Napi::Object settings = requireObject(info[1], "the settings");
  const auto setting = [&](const char *name, int64_t most) {
    return static_cast<int>(requireInteger(settings.Get(name), name, 1, most));
  };
  const int threads = setting("threads", 512);
  contextTokens = setting("contextTokens", 1 << 20);
  batchTokens = std::min(setting("batchTokens", 8192), contextTokens);
  if (lib.llama_model_has_encoder(model.get())) {
    // llama_decode would abort without the encoder's output
    throw Napi::Error::New(info.Env(), "the model is an encoder with a decoder, which has no classification head");
  }
  // with learned positions a later one reads past their table, and aborts
  if (contextTokens > lib.llama_model_n_ctx_train(model.get())) {
    throw Napi::RangeError::New(info.Env(), "contextTokens must not be more than the model was trained for");
  }
  vocabularySize = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model.get()));
  hook = std::make_unique<RankHook>(static_cast<int>(lib.llama_model_n_cls_out(model.get())));
  makeContext(info.Env(), threads);
  if (!lib.llama_get_memory(context.get()) && batchTokens < contextTokens) {
    batchTokens = contextTokens;  // every token sees every other one: all in one graph
    makeContext(info.Env(), threads);
  }
  useThreads(threads);
}

void RankBinding::makeContext(Napi::Env env, int threads) {
  llama_context_params params = library().llama_context_default_params();
  params.n_ctx = contextTokens;
  params.n_batch = params.n_ubatch = batchTokens;
  params.n_seq_max = 1;
  params.n_threads = params.n_threads_batch = threads;
  params.embeddings = true;
  params.pooling_type = LLAMA_POOLING_TYPE_RANK;
  params.cb_eval = RankHook::callback;
  params.cb_eval_user_data = hook.get();
  takeLog();
  context.reset(library().llama_init_from_model(model.get(), params));
  if (!context) {
    throw Napi::Error::New(env, "llama.cpp could not make a context: " + takeLog());
  }
}

// As ContextBinding's: the threads are kept from text to text.
void RankBinding::useThreads(int threads) {
  teams.push_back(std::make_unique<GgmlTeam>(threads));
  library().llama_set_n_threads(context.get(), threads, threads);
  library().llama_attach_threadpool(context.get(), teams.back()->pool(), teams.back()->pool());
}

void RankBinding::refuseUnlessIdle(Napi::Env env) const {
  if (!context) {
    throw Napi::Error::New(env, "the context was freed");
  }
  if (decoding) {
    throw Napi::Error::New(env, "a text is being read");
  }
}

// logits(tokens: Int32Array) -> Promise<Float32Array(labels)>
Napi::Value RankBinding::logits(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  refuseUnlessIdle(env);
  const Napi::Int32Array ids = requireInt32Array(info[0], "tokens");
  const size_t n = ids.ElementLength();
  if (n == 0 || n > static_cast<size_t>(contextTokens)) {
    throw Napi::RangeError::New(env, "a text has 1 to " + std::to_string(contextTokens) + " tokens");
  }
  std::vector<llama_token> tokens(ids.Data(), ids.Data() + n);
  if (std::any_of(tokens.begin(), tokens.end(), [&](llama_token t) { return t < 0 || t >= vocabularySize; })) {
    throw Napi::RangeError::New(env, "a token is out of range");
  }
  auto *worker = new RankWorker(env, *this, info.This().As<Napi::Object>(), std::move(tokens));
  decoding = true;
  Napi::Promise promise = worker->promise();
  worker->Queue();  // deletes itself
  return promise;
}

void RankBinding::setThreads(const Napi::CallbackInfo &info) {
  refuseUnlessIdle(info.Env());
  useThreads(static_cast<int>(requireInteger(info[0], "threads", 1, 512)));
}

void RankBinding::free(const Napi::CallbackInfo &info) {
  if (decoding) {
    throw Napi::Error::New(info.Env(), "a text is being read");
  }
  context.reset();
  hook.reset();
  teams.clear();
  model.reset();
}

void initRank(Napi::Env env, Napi::Object exports) { exports["RankContext"] = RankBinding::define(env); }
