#include "decode_worker.h"

#include <cmath>
#include <stdexcept>

#include "float16.h"

DecodeWorker::DecodeWorker(Napi::Env env, ContextBinding &binding, Napi::Object object)
    : AsyncWorker(env), deferred(Napi::Promise::Deferred::New(env)), binding(binding), self(Napi::Persistent(object)) {}

void DecodeWorker::Execute() {
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

void DecodeWorker::OnOK() {
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

void DecodeWorker::OnError(const Napi::Error &error) {
  binding.decoding = false;
  binding.outputTokens.clear();
  deferred.Reject(error.Value());
}

// The states as they are handed out, and which of them are finite numbers in that format.
void DecodeWorker::takeStates() {
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

const float *DecodeWorker::logitsOf(size_t row) const {
  const float *logits = library().llama_get_logits_ith(binding.context.get(), binding.outputTokens[row]);
  if (!logits) {
    throw std::runtime_error("llama.cpp has no logits for an output row");
  }
  return logits;
}

void DecodeWorker::drawTokens() {
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

void DecodeWorker::compareRows() {
  std::vector<Comparison> pairs;
  for (const RowComparison &c : comparisons.rows) {
    pairs.push_back({logitsOf(c.own), logitsOf(c.base), c.token});
  }
  likelihoods = likelihoodsOf(pairs, binding.vocabularySize, *binding.teams.back());
}
