#include "context.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <stdexcept>

#include "comparisons.h"
#include "float16.h"
#include "sampler.h"
#include "top_k.h"
#include "value_function_binding.h"

namespace {

StateFormat requireStateFormat(Napi::Value value) {
  if (value.IsUndefined()) {
    return StateFormat::float32;
  }
  const std::string name = requireString(value, "states");
  if (name == "none") {
    return StateFormat::none;
  }
  if (name == "float16") {
    return StateFormat::float16;
  }
  if (name == "float32") {
    return StateFormat::float32;
  }
  throw Napi::RangeError::New(value.Env(), "states is none, float16 or float32, not \"" + name + "\"");
}

template <typename Array, typename Number>
Array toTypedArray(Napi::Env env, const std::vector<Number> &numbers) {
  Array array = Array::New(env, numbers.size());
  std::copy(numbers.begin(), numbers.end(), array.Data());
  return array;
}

// log sum exp of numbers (count), of which `largest` is the largest.
double logSumOfExponentials(const float *numbers, int count, float largest) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += std::exp(numbers[i] - largest);
  return largest + std::log(sum);
}

// One entry an output row; a sampler draws for one row only, so that the order of the rows is no matter.
std::vector<std::shared_ptr<TokenSampler>> requireSamplers(Napi::Value value, size_t rows) {
  if (!value.IsArray() || value.As<Napi::Array>().Length() != rows) {
    throw Napi::TypeError::New(value.Env(), "samplers must be an array with one entry for each output row");
  }
  std::vector<std::shared_ptr<TokenSampler>> samplers(rows);
  std::set<const TokenSampler *> seen;
  for (uint32_t row = 0; row < rows; row++) {
    const Napi::Value entry = value.As<Napi::Array>().Get(row);
    if (entry.IsNull()) {
      continue;
    }
    samplers[row] = requireInstance<SamplerBinding>(entry, "a sampler")->sampler();
    if (!seen.insert(samplers[row].get()).second) {
      throw Napi::RangeError::New(value.Env(), "one sampler is named for two rows");
    }
  }
  return samplers;
}

}  // namespace

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
  std::vector<std::shared_ptr<TokenSampler>> samplers;  // one a row, null where no token is drawn; or none at all
  Comparisons comparisons;
  StateFormat format = StateFormat::float32;
  bool head = true;

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
    if (binding.observes && binding.hook->rowsSeen != static_cast<int>(binding.outputTokens.size())) {
      throw std::runtime_error("this architecture shows no final hidden state (result_norm), so it cannot be steered");
    }
    takeStates();
    drawTokens();
    compareRows();
  }

  void OnOK() override {
    binding.decoding = false;
    binding.hasLogits = head;
    const StateHook &hook = *binding.hook;
    Napi::Object result = Napi::Object::New(Env());
    const bool wide = format == StateFormat::float32;
    result["states"] = toFloat32Array(Env(), wide ? hook.states : std::vector<float>());
    result["statesF16"] = toTypedArray<Napi::Uint16Array>(Env(), halves);
    result["finite"] = toTypedArray<Napi::Uint8Array>(Env(), finite);
    result["drawn"] = toTypedArray<Napi::Int32Array>(Env(), drawn);
    result["logProbabilities"] = toFloat32Array(Env(), logProbabilities);
    result["likelihoods"] = comparisons.rows.empty() ? Env().Null() : Napi::Value(toJs(Env(), likelihoods));
    result["editedOn"] = hook.editedOn.empty() ? Env().Null() : Napi::Value(Napi::String::New(Env(), hook.editedOn));
    result["edited"] = !hook.edited.empty() ? Napi::Value(toFloat32Array(Env(), hook.edited)) : Env().Null();
    result["valueBefore"] = toFloat32Array(Env(), hook.valueBefore);
    result["valueAfter"] = toFloat32Array(Env(), hook.valueAfter);
    result["edits"] = toFloat32Array(Env(), hook.edits);
    deferred.Resolve(result);
  }

  void OnError(const Napi::Error &error) override {
    binding.decoding = false;
    binding.outputTokens.clear();
    deferred.Reject(error.Value());
  }

 private:
  // The states as they are handed out, and which of them are finite numbers in that format.
  void takeStates() {
    const StateHook &hook = *binding.hook;
    const size_t rows = binding.outputTokens.size(), size = static_cast<size_t>(binding.stateSize);
    if (!binding.observes) {
      finite.assign(rows, 1);
      return;
    }
    finite = hook.finite;
    if (format == StateFormat::float16) {
      halves.resize(rows * size);
      float32ToFloat16(hook.states.data(), halves.data(), halves.size());
      for (size_t i = 0; i < halves.size(); i++) {
        if ((halves[i] & 0x7c00) == 0x7c00) {
          finite[i / size] = 0;  // beyond 65504
        }
      }
    }
  }

  const float *logitsOf(size_t row) const {
    const float *logits = library().llama_get_logits_ith(binding.context.get(), binding.outputTokens[row]);
    if (!logits) {
      throw std::runtime_error("llama.cpp has no logits for an output row");
    }
    return logits;
  }

  void drawTokens() {
    drawn.assign(binding.outputTokens.size(), -1);
    logProbabilities.assign(binding.outputTokens.size(), NAN);
    for (size_t row = 0; row < samplers.size(); row++) {
      if (!samplers[row] || !finite[row]) {
        continue;
      }
      const float *logits = logitsOf(row);
      drawn[row] = samplers[row]->draw(logits, binding.vocabularySize);
      if (drawn[row] >= 0) {
        logProbabilities[row] = logProbability(logits, binding.vocabularySize, drawn[row]);
      }
    }
  }

  void compareRows() {
    std::vector<Comparison> pairs;
    for (const RowComparison &c : comparisons.rows) {
      pairs.push_back({logitsOf(c.own), logitsOf(c.base), c.token});
    }
    likelihoods = likelihoodsOf(pairs, binding.vocabularySize, *binding.teams.back());
  }

  std::vector<uint16_t> halves;
  std::vector<uint8_t> finite;
  std::vector<llama_token> drawn;
  std::vector<float> logProbabilities;
  std::vector<Likelihood> likelihoods;
  Napi::Promise::Deferred deferred;
  ContextBinding &binding;
  Napi::ObjectReference self;  // keeps the context alive until the batch is through
};

Napi::Function ContextBinding::define(Napi::Env env) {
  return DefineClass(
      env, "Context",
      {InstanceMethod<&ContextBinding::decode>("decode"), InstanceMethod<&ContextBinding::sample>("sample"),
       InstanceMethod<&ContextBinding::logits>("logits"), InstanceMethod<&ContextBinding::candidates>("candidates"),
       InstanceMethod<&ContextBinding::removeSequence>("removeSequence"),
       InstanceMethod<&ContextBinding::copySequence>("copySequence"), InstanceMethod<&ContextBinding::clear>("clear"),
       InstanceMethod<&ContextBinding::setThreads>("setThreads"),
       InstanceMethod<&ContextBinding::setLora>("setLora"),
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

// decode({tokens, positions, sequences: Int32Array(n), outputs: Uint8Array(n), controls: [{valueFunction, stepSize,
// updates, rows: Int32Array}], samplers?: (Sampler | null)[rows], states?: "none" | "float16" | "float32", head?:
// boolean, comparisons?: {own, base, tokens, sameState}}) -> Promise<{states, statesF16, finite, drawn,
// logProbabilities, likelihoods, edited, edits, valueBefore, valueAfter}>. Rows count the outputs.
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
  std::set<std::pair<int, int>> places;  // (sequence, position)
  for (size_t i = 0; i < n; i++) {
    if (tokens[i] < 0 || tokens[i] >= vocabularySize || ids[i] < 0 || ids[i] >= sequences || positions[i] < 0 ||
        positions[i] >= mostPositions) {
      throw Napi::RangeError::New(
          env, "batch entry " + std::to_string(i) + " has a token, position or sequence out of range");
    }
    if (!places.insert({ids[i], positions[i]}).second) {  // llama.cpp would keep both
      throw Napi::RangeError::New(env, "batch entry " + std::to_string(i) + " has the position of an earlier one");
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
  std::set<int> controlled;
  if (!batch.Get("controls").IsArray()) {
    throw Napi::TypeError::New(env, "controls must be an array");
  }
  const Napi::Array list = batch.Get("controls").As<Napi::Array>();
  if (!observes && list.Length() > 0) {
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
    control.ascent = ascentFromJs(entry);
    const Napi::Int32Array rows = requireInt32Array(entry.Get("rows"), "rows");
    for (size_t r = 0; r < rows.ElementLength(); r++) {
      if (rows[r] < 0 || rows[r] >= static_cast<int>(outputs.size())) {
        throw Napi::RangeError::New(env, "a control names an output row that is not in the batch");
      }
      if (!controlled.insert(rows[r]).second) {
        throw Napi::RangeError::New(env, "output row " + std::to_string(rows[r]) + " is named by two controls");
      }
      control.rows.push_back(rows[r]);
    }
    controls.push_back(std::move(control));
  }

  worker->format = requireStateFormat(batch.Get("states"));
  worker->head = batch.Get("head").IsUndefined() || requireBoolean(batch.Get("head"), "head");
  if (const Napi::Value value = batch.Get("samplers"); !value.IsUndefined()) {
    worker->samplers = requireSamplers(value, outputs.size());
    if (!worker->head) {
      throw Napi::TypeError::New(env, "without the head there are no logits to draw from");
    }
  }
  worker->comparisons =
      requireComparisons(batch.Get("comparisons"), static_cast<int>(outputs.size()), vocabularySize);
  if (!worker->comparisons.rows.empty() && !worker->head) {
    throw Napi::TypeError::New(env, "without the head there are no logits to compare");
  }

  outputTokens = std::move(outputs);
  hasLogits = false;
  hook->prepare(observes ? static_cast<int>(outputTokens.size()) : 0, std::move(controls), *teams.back(), worker->head,
                worker->format);
  if (worker->comparisons.sameState) {
    std::vector<StateHook::Copy> copies;
    for (const RowComparison &c : worker->comparisons.rows) {
      copies.push_back({c.base, c.own});
    }
    hook->copyStates(std::move(copies));
  }
  decoding = true;
  Napi::Promise promise = worker->promise();
  worker.release()->Queue();  // deletes itself
  return promise;
}

int ContextBinding::checkedOutput(const Napi::CallbackInfo &info) const {
  if (outputTokens.empty() || !hasLogits) {
    throw Napi::RangeError::New(info.Env(), "no such output row: the last batch had none, or no head");
  }
  return outputTokens[static_cast<size_t>(
      requireInteger(info[0], "row", 0, static_cast<int64_t>(outputTokens.size()) - 1))];
}

// sample(row, sampler) -> token id, drawn by the plain chain from the logits of that output row of the last batch
Napi::Value ContextBinding::sample(const Napi::CallbackInfo &info) {
  llama_context *ctx = idle(info.Env());
  int output = checkedOutput(info);
  llama_sampler *chain = requireInstance<SamplerBinding>(info[1], "sampler")->sampler()->chain();
  const float *row = library().llama_get_logits_ith(ctx, output);
  if (!row || hasNanOrInfinity(row, vocabularySize)) {
    throw Napi::Error::New(info.Env(), "the logits of this row are not finite");
  }
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

// candidates(row, count) -> {tokens: Int32Array(count), logProbabilities: Float32Array(count)}, the most probable
// first; of equal logits the lower token, as the greedy sampler has it
Napi::Value ContextBinding::candidates(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  llama_context *ctx = idle(env);
  const float *row = library().llama_get_logits_ith(ctx, checkedOutput(info));
  const int count = static_cast<int>(requireInteger(info[1], "count", 1, vocabularySize));
  if (!row || hasNanOrInfinity(row, vocabularySize)) {
    throw Napi::Error::New(env, "the logits of this row are not finite");
  }
  std::vector<int> best;
  if (!largestInOrder(row, vocabularySize, count, best)) {
    best.resize(vocabularySize);
    std::iota(best.begin(), best.end(), 0);
    std::partial_sort(best.begin(), best.begin() + count, best.end(),
                      [row](int a, int b) { return row[a] > row[b] || (row[a] == row[b] && a < b); });
    best.resize(count);
  }
  const double logTotal = logSumOfExponentials(row, vocabularySize, row[best[0]]);
  std::vector<float> logProbabilities;
  for (int token : best) logProbabilities.push_back(static_cast<float>(row[token] - logTotal));
  Napi::Object result = Napi::Object::New(env);
  result["tokens"] = toTypedArray<Napi::Int32Array>(env, best);
  result["logProbabilities"] = toFloat32Array(env, logProbabilities);
  return result;
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
