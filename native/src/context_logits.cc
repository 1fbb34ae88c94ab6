// What is read of the logits of the last batch.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "context.h"
#include "sampler.h"
#include "top_k.h"

namespace {

// log sum exp of numbers (count), of which `largest` is the largest.
double logSumOfExponentials(const float *numbers, int count, float largest) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += std::exp(numbers[i] - largest);
  return largest + std::log(sum);
}

}  // namespace

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
