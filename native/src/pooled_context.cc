#include "pooled_context.h"

#include <algorithm>
#include <stdexcept>

// One text on its way through the model, off the JS thread.
class PooledWorker : public Napi::AsyncWorker {
 public:
  PooledWorker(Napi::Env env, PooledBinding &binding, Napi::Object object, std::vector<llama_token> tokens)
      : AsyncWorker(env),
        deferred(Napi::Promise::Deferred::New(env)),
        binding(binding),
        self(Napi::Persistent(object)),
        tokens(std::move(tokens)) {}

  Napi::Promise promise() { return deferred.Promise(); }

  // The model sees the whole text before its vector is taken: the logits of the last batch are the text's, where
  // attention is causal; other architectures, and embeddings, get it in one batch.
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
    deferred.Resolve(toFloat32Array(Env(), vector));
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

    RankHook *hook = binding.hook.get();
    if (hook) {
      hook->prepare();
    }
    takeLog();
    const int result = library().llama_decode(binding.context.get(), batch);
    if (hook && !hook->failure.empty()) {
      throw std::runtime_error(hook->failure);
    }
    if (result != 0) {
      throw std::runtime_error("llama_decode failed (" + std::to_string(result) + "): " + takeLog());
    }
    if (hook) {
      vector = hook->logits;
    } else if (const float *embedding = library().llama_get_embeddings_seq(binding.context.get(), sequence)) {
      vector.assign(embedding, embedding + binding.embeddingSize);
    }
    if (vector.empty()) {
      throw std::runtime_error(hook ? "llama.cpp's graph of this architecture has no classification head"
                                    : "llama.cpp makes no embedding with this architecture");
    }
  }

  Napi::Promise::Deferred deferred;
  PooledBinding &binding;
  Napi::ObjectReference self;  // keeps the context alive until the text is through
  std::vector<llama_token> tokens;
  std::vector<float> vector;
};

Napi::Function PooledBinding::define(Napi::Env env) {
  return DefineClass(
      env, "PooledContext",
      {InstanceMethod<&PooledBinding::read>("read"), InstanceMethod<&PooledBinding::setThreads>("setThreads"),
       InstanceMethod<&PooledBinding::free>("free")});
}

PooledBinding::PooledBinding(const Napi::CallbackInfo &info)
    : ObjectWrap(info), context(nullptr, library().llama_free) {
  const Library &lib = library();
  model = requireInstance<ModelBinding>(info[0], "the first argument")->model(info.Env());
  const Napi::Object settings = requireObject(info[1], "the settings");
  const auto setting = [&](const char *name, int64_t most) {
    return static_cast<int>(requireInteger(settings.Get(name), name, 1, most));
  };
  const std::string vector = requireString(settings.Get("vector"), "vector");
  if (vector != "logits" && vector != "embedding") {
    throw Napi::RangeError::New(info.Env(), "vector must be logits or embedding");
  }
  const bool embeds = vector == "embedding";
  const int threads = setting("threads", 512);
  contextTokens = setting("contextTokens", 1 << 20);
  batchTokens = std::min(setting("batchTokens", 8192), contextTokens);
  if (lib.llama_model_has_encoder(model.get())) {
    // llama_decode would abort without the encoder's output
    throw Napi::Error::New(info.Env(), "the model is an encoder with a decoder, which is not supported");
  }
  // with learned positions a later one reads past their table, and aborts
  if (contextTokens > lib.llama_model_n_ctx_train(model.get())) {
    throw Napi::RangeError::New(info.Env(), "contextTokens must not be more than the model was trained for");
  }
  vocabularySize = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model.get()));
  embeddingSize = lib.llama_model_n_embd_out(model.get());
  if (embeds) {
    batchTokens = contextTokens;  // pooling does not go across batches
    makeContext(info.Env(), LLAMA_POOLING_TYPE_UNSPECIFIED, threads);
    const enum llama_pooling_type own = lib.llama_pooling_type(context.get());
    if (own == LLAMA_POOLING_TYPE_RANK) {
      throw Napi::Error::New(info.Env(), "the model ranks texts and does not embed them");
    }
    if (own == LLAMA_POOLING_TYPE_NONE) {
      makeContext(info.Env(), LLAMA_POOLING_TYPE_MEAN, threads);
    }
  } else {
    hook = std::make_unique<RankHook>(static_cast<int>(lib.llama_model_n_cls_out(model.get())));
    makeContext(info.Env(), LLAMA_POOLING_TYPE_RANK, threads);
    if (!lib.llama_get_memory(context.get()) && batchTokens < contextTokens) {
      batchTokens = contextTokens;  // every token sees every other one: all in one graph
      makeContext(info.Env(), LLAMA_POOLING_TYPE_RANK, threads);
    }
  }
  useThreads(threads);
}

void PooledBinding::makeContext(Napi::Env env, enum llama_pooling_type pooling, int threads) {
  llama_context_params params = library().llama_context_default_params();
  params.n_ctx = contextTokens;
  params.n_batch = params.n_ubatch = batchTokens;
  params.n_seq_max = 1;
  params.n_threads = params.n_threads_batch = threads;
  params.embeddings = true;
  params.pooling_type = pooling;
  if (hook) {
    params.cb_eval = RankHook::callback;
    params.cb_eval_user_data = hook.get();
  }
  takeLog();
  context.reset(library().llama_init_from_model(model.get(), params));
  if (!context) {
    throw Napi::Error::New(env, "llama.cpp could not make a context: " + takeLog());
  }
}

// As ContextBinding's: the threads are kept from text to text.
void PooledBinding::useThreads(int threads) {
  teams.push_back(std::make_unique<GgmlTeam>(threads));
  library().llama_set_n_threads(context.get(), threads, threads);
  library().llama_attach_threadpool(context.get(), teams.back()->pool(), teams.back()->pool());
}

void PooledBinding::refuseUnlessIdle(Napi::Env env) const {
  if (!context) {
    throw Napi::Error::New(env, "the context was freed");
  }
  if (decoding) {
    throw Napi::Error::New(env, "a text is being read");
  }
}

// read(tokens: Int32Array) -> Promise<Float32Array(labels, or the embedding's size)>
Napi::Value PooledBinding::read(const Napi::CallbackInfo &info) {
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
  auto *worker = new PooledWorker(env, *this, info.This().As<Napi::Object>(), std::move(tokens));
  decoding = true;
  Napi::Promise promise = worker->promise();
  worker->Queue();  // deletes itself
  return promise;
}

void PooledBinding::setThreads(const Napi::CallbackInfo &info) {
  refuseUnlessIdle(info.Env());
  useThreads(static_cast<int>(requireInteger(info[0], "threads", 1, 512)));
}

void PooledBinding::free(const Napi::CallbackInfo &info) {
  if (decoding) {
    throw Napi::Error::New(info.Env(), "a text is being read");
  }
  context.reset();
  hook.reset();
  teams.clear();
  model.reset();
}

void initPooled(Napi::Env env, Napi::Object exports) { exports["PooledContext"] = PooledBinding::define(env); }
