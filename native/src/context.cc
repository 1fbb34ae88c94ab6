#include "context.h"

#include <cmath>
#include <stdexcept>

#include "sampler.h"
#include "value_function_binding.h"

// One batch on its way through llama_decode, off the JS thread.
class DecodeWorker : public Napi::AsyncWorker {
 public:
  DecodeWorker(Napi::Env env, ContextBinding &binding, Napi::Object object)
      : AsyncWorker(env),
        deferred(Napi::Promise::Deferred::New(env)),
        binding(binding),
        self(Napi::Persistent(object)) {}

  std::vector<llama_token> tokens;
  std::vector<llama_pos> positions;
  std::vector<llama_seq_id> sequences;
  std::vector<int8_t> outputs;

  Napi::Promise promise() { return deferred.Promise(); }

  void Execute() override {
    std::vector<int32_t> sequenceCounts(tokens.size(), 1);
    std::vector<llama_seq_id *> sequenceLists;
    for (auto &sequence : sequences) {
      sequenceLists.push_back(&sequence);
    }
    llama_batch batch = {};
    batch.n_tokens = static_cast<int32_t>(tokens.size());
    batch.token = tokens.data();
    batch.pos = positions.data();
    batch.n_seq_id = sequenceCounts.data();
    batch.seq_id = sequenceLists.data();
    batch.logits = outputs.data();

    takeLog();
    const int result = library().llama_decode(binding.context.get(), batch);
    if (binding.hook && !binding.hook->failure.empty()) {
      throw std::runtime_error(binding.hook->failure);
    }
    if (result == 1) {
      throw std::runtime_error("the context is full: fewer or shorter sequences are needed");
    }
    if (result != 0) {
      throw std::runtime_error("llama_decode failed (" + std::to_string(result) + "): " + takeLog());
    }
    if (binding.hook && binding.hook->rowsSeen != static_cast<int>(binding.outputTokens.size())) {
      throw std::runtime_error("this architecture shows no final hidden state (result_norm), so it cannot be steered");
    }
  }

  void OnOK() override {
    binding.decoding = false;
    const StateHook unobserved(0);
    const StateHook &hook = binding.hook ? *binding.hook : unobserved;
    Napi::Object result = Napi::Object::New(Env());
    result["states"] = toFloat32Array(Env(), hook.states);
    result["edited"] = hook.edited.empty() ? Env().Null() : Napi::Value(toFloat32Array(Env(), hook.edited));
    result["valueBefore"] = toFloat32Array(Env(), hook.valueBefore);
    result["valueAfter"] = toFloat32Array(Env(), hook.valueAfter);
    deferred.Resolve(result);
  }

  void OnError(const Napi::Error &error) override {
    binding.decoding = false;
    binding.outputTokens.clear();
    deferred.Reject(error.Value());
  }

 private:
  Napi::Promise::Deferred deferred;
  ContextBinding &binding;
  Napi::ObjectReference self;  // keeps the context alive until the batch is through
};

Napi::Function ContextBinding::define(Napi::Env env) {
  return DefineClass(
      env, "Context",
      {InstanceMethod<&ContextBinding::decode>("decode"), InstanceMethod<&ContextBinding::sample>("sample"),
       InstanceMethod<&ContextBinding::logits>("logits"),
       InstanceMethod<&ContextBinding::removeSequence>("removeSequence"),
       InstanceMethod<&ContextBinding::copySequence>("copySequence"),
       InstanceMethod<&ContextBinding::setThreads>("setThreads"), InstanceMethod<&ContextBinding::free>("free")});
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
  vocabularySize = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model.get()));
  stateSize = lib.llama_model_n_embd_out(model.get());
  if (!settings.Has("observe") || requireBoolean(settings.Get("observe"), "observe")) {
    hook = std::make_unique<StateHook>(stateSize);
  }

  llama_context_params params = lib.llama_context_default_params();
  params.n_ctx = contextTokens;
  params.n_batch = params.n_ubatch = batchTokens;  // one graph a batch
  params.n_seq_max = sequences;
  params.n_threads = params.n_threads_batch = threads;
  params.kv_unified = true;  // a step with gaps between sequences stays one graph
  params.embeddings = false;
  if (hook) {
    params.cb_eval = StateHook::callback;
    params.cb_eval_user_data = hook.get();
  }
  takeLog();
  context.reset(lib.llama_init_from_model(model.get(), params));
  if (!context) {
    throw Napi::Error::New(info.Env(), "llama.cpp could not make a context: " + takeLog());
  }
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

// decode({tokens, positions, sequences: Int32Array(n), outputs: Uint8Array(n), controls: [{valueFunction, stepSize,
// updates, rows: Int32Array}]}) -> Promise<{states, edited, valueBefore, valueAfter}>. Rows count the outputs.
Napi::Value ContextBinding::decode(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  idle(env);
  const Napi::Object batch = requireObject(info[0], "the batch");
  const Napi::Int32Array tokens = requireInt32Array(batch.Get("tokens"), "tokens");
  const Napi::Int32Array positions = requireInt32Array(batch.Get("positions"), "positions");
  const Napi::Int32Array ids = requireInt32Array(batch.Get("sequences"), "sequences");
  const Napi::Uint8Array flags = requireUint8Array(batch.Get("outputs"), "outputs");
  const size_t n = tokens.ElementLength();
  if (n == 0 || n > static_cast<size_t>(batchTokens) || positions.ElementLength() != n || ids.ElementLength() != n ||
      flags.ElementLength() != n) {
    throw Napi::RangeError::New(env, "a batch has 1 to " + std::to_string(batchTokens) +
                                         " tokens and as many positions, sequences and outputs");
  }
  auto worker = std::make_unique<DecodeWorker>(env, *this, info.This().As<Napi::Object>());
  std::vector<int> outputs;
  for (size_t i = 0; i < n; i++) {
    if (tokens[i] < 0 || tokens[i] >= vocabularySize || ids[i] < 0 || ids[i] >= sequences || positions[i] < 0) {
      throw Napi::RangeError::New(
          env, "batch entry " + std::to_string(i) + " has a token, position or sequence out of range");
    }
    worker->tokens.push_back(tokens[i]);
    worker->positions.push_back(positions[i]);
    worker->sequences.push_back(ids[i]);
    worker->outputs.push_back(flags[i] != 0);
    if (flags[i] != 0) {
      outputs.push_back(static_cast<int>(i));
    }
  }

  std::vector<Control> controls;
  if (!batch.Get("controls").IsArray()) {
    throw Napi::TypeError::New(env, "controls must be an array");
  }
  const Napi::Array list = batch.Get("controls").As<Napi::Array>();
  if (!hook && list.Length() > 0) {
    throw Napi::TypeError::New(env, "a context that does not observe states cannot control them");
  }
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Object entry = requireObject(list.Get(i), "a control");
    Control control;
    control.valueFunction =
        requireInstance<ValueFunctionBinding>(entry.Get("valueFunction"), "valueFunction")->valueFunction();
    if (control.valueFunction->inputDim() != stateSize) {
      throw Napi::RangeError::New(env, "the value function takes states of " +
                                           std::to_string(control.valueFunction->inputDim()) +
                                           " numbers, the model has " + std::to_string(stateSize));
    }
    control.updates = static_cast<int>(requireInteger(entry.Get("updates"), "updates", 0, 100000));
    control.stepSize = static_cast<float>(requireNumber(entry.Get("stepSize"), "stepSize"));
    const Napi::Int32Array rows = requireInt32Array(entry.Get("rows"), "rows");
    for (size_t r = 0; r < rows.ElementLength(); r++) {
      if (rows[r] < 0 || rows[r] >= static_cast<int>(outputs.size())) {
        throw Napi::RangeError::New(env, "a control names an output row that is not in the batch");
      }
      control.rows.push_back(rows[r]);
    }
    controls.push_back(std::move(control));
  }

  outputTokens = std::move(outputs);
  if (hook) {
    hook->prepare(static_cast<int>(outputTokens.size()), std::move(controls));
  }
  decoding = true;
  Napi::Promise promise = worker->promise();
  worker.release()->Queue();  // deletes itself
  return promise;
}

int ContextBinding::checkedOutput(const Napi::CallbackInfo &info) const {
  if (outputTokens.empty()) {
    throw Napi::RangeError::New(info.Env(), "no such output row: the last batch had none");
  }
  return outputTokens[static_cast<size_t>(
      requireInteger(info[0], "row", 0, static_cast<int64_t>(outputTokens.size()) - 1))];
}

// sample(row, sampler) -> token id, drawn from the logits of that output row of the last batch
Napi::Value ContextBinding::sample(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  int output = checkedOutput(info);
  llama_sampler *chain = requireInstance<SamplerBinding>(info[1], "sampler")->chain();
  return Napi::Number::New(info.Env(), library().llama_sampler_sample(chain, ctx, output));
}

// logits(row) -> Float32Array(vocabulary)
Napi::Value ContextBinding::logits(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  const float *row = library().llama_get_logits_ith(ctx, checkedOutput(info));
  if (!row) {
    throw Napi::Error::New(info.Env(), "llama.cpp has no logits for this row");
  }
  return toFloat32Array(info.Env(), std::vector<float>(row, row + vocabularySize));
}

int ContextBinding::checkedSequence(const Napi::CallbackInfo &info, size_t argument) const {
  return static_cast<int>(requireInteger(info[argument], "sequence", 0, sequences - 1));
}

// removeSequence(sequence): forgets its tokens, so that the place can be taken by another
void ContextBinding::removeSequence(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  library().llama_memory_seq_rm(library().llama_get_memory(ctx), checkedSequence(info, 0), -1, -1);
}

// copySequence(from, to): `to` shares the tokens of `from`
void ContextBinding::copySequence(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  library().llama_memory_seq_cp(library().llama_get_memory(ctx), checkedSequence(info, 0), checkedSequence(info, 1), -1,
                                -1);
}

void ContextBinding::setThreads(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  const int threads = static_cast<int>(requireInteger(info[0], "threads", 1, 512));
  library().llama_set_n_threads(ctx, threads, threads);
}

void ContextBinding::free(const Napi::CallbackInfo &info) {
  if (decoding) {
    throw Napi::Error::New(info.Env(), "a batch is being decoded");
  }
  context.reset();
  model.reset();
}

void initContext(Napi::Env env, Napi::Object exports) { exports["Context"] = ContextBinding::define(env); }
