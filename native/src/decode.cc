// Reads a batch strictly, as llama.cpp aborts on much of what is refused here, and sends it on its way.
#include <set>

#include "context.h"
#include "decode_worker.h"
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

// The batch's tokens, into the worker. Returns the batch index of every output row.
std::vector<int> ContextBinding::requireEntries(const Napi::Object &batch, DecodeWorker &worker) const {
  const Napi::Env env = batch.Env();
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
    worker.tokens.push_back(tokens[i]);
    worker.positions.push_back(positions[i]);
    worker.sequences.push_back(ids[i]);
    worker.outputs.push_back(flags[i] != 0);
    if (flags[i] != 0) {
      outputs.push_back(static_cast<int>(i));
    }
  }
  return outputs;
}

// `rows` is the number of output rows.
std::vector<Control> ContextBinding::requireControls(Napi::Value value, int rows) const {
  const Napi::Env env = value.Env();
  std::vector<Control> controls;
  std::set<int> controlled;
  if (!value.IsArray()) {
    throw Napi::TypeError::New(env, "controls must be an array");
  }
  const Napi::Array list = value.As<Napi::Array>();
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
    const Napi::Int32Array named = requireInt32Array(entry.Get("rows"), "rows");
    for (size_t r = 0; r < named.ElementLength(); r++) {
      if (named[r] < 0 || named[r] >= rows) {
        throw Napi::RangeError::New(env, "a control names an output row that is not in the batch");
      }
      if (!controlled.insert(named[r]).second) {
        throw Napi::RangeError::New(env, "output row " + std::to_string(named[r]) + " is named by two controls");
      }
      control.rows.push_back(named[r]);
    }
    controls.push_back(std::move(control));
  }
  return controls;
}

// decode({tokens, positions, sequences: Int32Array(n), outputs: Uint8Array(n), controls: [{valueFunction, stepSize,
// updates, rows: Int32Array}], samplers?: (Sampler | null)[rows], states?: "none" | "float16" | "float32", head?:
// boolean, comparisons?: {own, base, tokens, sameState}}) -> Promise<{states, statesF16, finite, drawn,
// logProbabilities, likelihoods, edited, edits, valueBefore, valueAfter}>. Rows count the outputs.
Napi::Value ContextBinding::decode(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  idle(env);
  const Napi::Object batch = requireObject(info[0], "the batch");
  auto worker = std::make_unique<DecodeWorker>(env, *this, info.This().As<Napi::Object>());
  std::vector<int> outputs = requireEntries(batch, *worker);
  const int rows = static_cast<int>(outputs.size());
  std::vector<Control> controls = requireControls(batch.Get("controls"), rows);
  worker->format = requireStateFormat(batch.Get("states"));
  worker->head = batch.Get("head").IsUndefined() || requireBoolean(batch.Get("head"), "head");
  if (const Napi::Value value = batch.Get("samplers"); !value.IsUndefined()) {
    worker->samplers = requireSamplers(value, outputs.size());
    if (!worker->head) {
      throw Napi::TypeError::New(env, "without the head there are no logits to draw from");
    }
  }
  worker->comparisons = requireComparisons(batch.Get("comparisons"), rows, vocabularySize);
  if (!worker->comparisons.rows.empty() && !worker->head) {
    throw Napi::TypeError::New(env, "without the head there are no logits to compare");
  }

  outputTokens = std::move(outputs);
  hasLogits = false;
  hook->prepare(observes ? rows : 0, std::move(controls), *teams.back(), worker->head, worker->format);
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
