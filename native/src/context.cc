#include "context.h"

#include <algorithm>

Napi::Function ContextBinding::define(Napi::Env env) {
  return DefineClass(
      env, "Context",
      {InstanceMethod<&ContextBinding::decode>("decode"), InstanceMethod<&ContextBinding::sample>("sample"),
       InstanceMethod<&ContextBinding::logits>("logits"), InstanceMethod<&ContextBinding::candidates>("candidates"),
       InstanceMethod<&ContextBinding::removeSequence>("removeSequence"),
       InstanceMethod<&ContextBinding::copySequence>("copySequence"), InstanceMethod<&ContextBinding::clear>("clear"),
       InstanceMethod<&ContextBinding::setThreads>("setThreads"), InstanceMethod<&ContextBinding::setLora>("setLora"),
       InstanceMethod<&ContextBinding::setControlVector>("setControlVector"),
       InstanceMethod<&ContextBinding::free>("free")});
}

ContextBinding::ContextBinding(const Napi::CallbackInfo &info)
    : ObjectWrap(info), context(nullptr, library().llama_free) {
  const Library &lib = library();
  model = requireInstance<ModelBinding>(info[0], "the first argument")->model(info.Env());
  const Napi::Object settings = requireObject(info[1], "the settings");
  const auto setting = [&](const char *name, int64_t most) {
    return static_cast<int>(requireInteger(settings.Get(name), name, 1, most));
  };
  const int contextTokens = setting("contextTokens", 1 << 24), threads = setting("threads", 512);
  sequences = setting("sequences", 256);
  batchTokens = setting("batchTokens", 8192);
  if (batchTokens >
      contextTokens) {  // llama.cpp would take smaller batches than it was asked for, and abort on larger ones
    throw Napi::RangeError::New(info.Env(), "batchTokens must not be more than contextTokens");
  }
  if (!lib.llama_model_has_decoder(model.get()) || lib.llama_model_has_encoder(model.get())) {
    // llama_decode would encode instead, with other conditions and other aborts
    throw Napi::Error::New(info.Env(), "the model is an encoder; it does not generate text");
  }
  // with learned positions a later one reads past their table, and aborts
  const int trained = lib.llama_model_n_ctx_train(model.get());
  mostPositions = trained > 0 ? std::min(contextTokens, trained) : contextTokens;
  if (batchTokens < sequences) {  // llama.cpp reserves an output row for each sequence and aborts without room for it
    throw Napi::RangeError::New(info.Env(), "batchTokens must not be less than sequences");
  }
  vocabularySize = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model.get()));
  stateSize = lib.llama_model_n_embd_out(model.get());
  observes = !settings.Has("observe") || requireBoolean(settings.Get("observe"), "observe");
  hook = std::make_unique<StateHook>(stateSize);

  llama_context_params params = lib.llama_context_default_params();
  params.n_ctx = contextTokens;
  params.n_batch = params.n_ubatch = batchTokens;  // one graph a batch
  params.n_seq_max = sequences;
  params.n_threads = params.n_threads_batch = threads;
  params.kv_unified = true;  // a step with gaps between sequences stays one graph
  params.embeddings = false;
  if (observes) {
    params.cb_eval = StateHook::callback;
    params.cb_eval_user_data = hook.get();
  }
  takeLog();
  context.reset(lib.llama_init_from_model(model.get(), params));
  if (!context) {
    throw Napi::Error::New(info.Env(), "llama.cpp could not make a context: " + takeLog());
  }
  useThreads(threads);
}

// Graphs and ascents share one team, which is kept from step to step.
void ContextBinding::useThreads(int threads) {
  teams.push_back(std::make_unique<GgmlTeam>(threads));
  library().llama_set_n_threads(context.get(), threads, threads);
  library().llama_attach_threadpool(context.get(), teams.back()->pool(), teams.back()->pool());
}

llama_context *ContextBinding::idle(Napi::Env env) const {
  if (!context) {
    throw Napi::Error::New(env, "the context was freed");
  }
  if (decoding) {
    throw Napi::Error::New(env, "a batch is being decoded");
  }
  return context.get();
}

int ContextBinding::checkedSequence(const Napi::CallbackInfo &info, size_t argument) const {
  return static_cast<int>(requireInteger(info[argument], "sequence", 0, sequences - 1));
}

// removeSequence(sequence, from?): forgets its tokens, or those from position `from` on
void ContextBinding::removeSequence(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  const int sequence = checkedSequence(info, 0);
  const bool whole = info[1].IsUndefined();
  const int from = whole ? -1 : static_cast<int>(requireInteger(info[1], "from", 0, mostPositions));
  if (!library().llama_memory_seq_rm(library().llama_get_memory(ctx), sequence, from, -1)) {
    throw Napi::Error::New(info.Env(), "this model cannot forget a part of a sequence");
  }
}

// copySequence(from, to, end?): `to`, which must be empty, shares the tokens of `from`, those before position `end`
void ContextBinding::copySequence(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  const int from = checkedSequence(info, 0), to = checkedSequence(info, 1);
  llama_memory_t memory = library().llama_get_memory(ctx);
  // a second token at a position would stay beside the first
  if (from == to || library().llama_memory_seq_pos_max(memory, to) >= 0) {
    throw Napi::RangeError::New(info.Env(), "sequence " + std::to_string(to) + " is not empty");
  }
  const bool whole = info[2].IsUndefined();
  const int end = whole ? -1 : static_cast<int>(requireInteger(info[2], "end", 1, mostPositions));
  library().llama_memory_seq_cp(memory, from, to, -1, end);
}

// clear(data): forgets every sequence; with `data` what they have left in memory is overwritten with zeros
void ContextBinding::clear(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  library().llama_memory_clear(library().llama_get_memory(ctx), requireBoolean(info[0], "data"));
}

void ContextBinding::setThreads(const Napi::CallbackInfo &info) {
  idle(info.Env());
  useThreads(static_cast<int>(requireInteger(info[0], "threads", 1, 512)));
}

void ContextBinding::free(const Napi::CallbackInfo &info) {
  if (decoding) {
    throw Napi::Error::New(info.Env(), "a batch is being decoded");
  }
  context.reset();
  hook.reset();
  teams.clear();
  lora.reset();
  model.reset();
}

void initContext(Napi::Env env, Napi::Object exports) { exports["Context"] = ContextBinding::define(env); }
