#include "comparisons.h"

#include "arguments.h"

namespace {

int within(int32_t number, int count, Napi::Env env, const char* what) {
  if (number < 0 || number >= count) {
    throw Napi::RangeError::New(env, std::string("a comparison names ") + what + " out of range");
  }
  return number;
}

Napi::Float64Array column(Napi::Env env, const std::vector<Likelihood>& likelihoods, double Likelihood::*figure) {
  Napi::Float64Array array = Napi::Float64Array::New(env, likelihoods.size());
  for (size_t i = 0; i < likelihoods.size(); i++) array[i] = likelihoods[i].*figure;
  return array;
}

Napi::Object tops(Napi::Env env, const std::vector<Likelihood>& likelihoods, TopToken Likelihood::*top) {
  Napi::Int32Array tokens = Napi::Int32Array::New(env, likelihoods.size());
  Napi::Float64Array logs = Napi::Float64Array::New(env, likelihoods.size());
  for (size_t i = 0; i < likelihoods.size(); i++) {
    tokens[i] = (likelihoods[i].*top).token;
    logs[i] = (likelihoods[i].*top).log;
  }
  Napi::Object result = Napi::Object::New(env);
  result["tokens"] = tokens;
  result["logs"] = logs;
  return result;
}

}  // namespace

Comparisons requireComparisons(Napi::Value value, int rows, int vocabulary) {
  Comparisons comparisons;
  if (value.IsUndefined()) return comparisons;
  const Napi::Env env = value.Env();
  const Napi::Object object = requireObject(value, "comparisons");
  const Napi::Int32Array own = requireInt32Array(object.Get("own"), "own");
  const Napi::Int32Array base = requireInt32Array(object.Get("base"), "base");
  const Napi::Int32Array tokens = requireInt32Array(object.Get("tokens"), "tokens");
  if (base.ElementLength() != own.ElementLength() || tokens.ElementLength() != own.ElementLength()) {
    throw Napi::RangeError::New(env, "comparisons have as many rows of each kind as tokens");
  }
  for (size_t i = 0; i < own.ElementLength(); i++) {
    comparisons.rows.push_back({within(own[i], rows, env, "an output row"), within(base[i], rows, env, "an output row"),
                           within(tokens[i], vocabulary, env, "a token")});
  }
  comparisons.sameState = requireBoolean(object.Get("sameState"), "sameState");
  return comparisons;
}

Napi::Object toJs(Napi::Env env, const std::vector<Likelihood>& likelihoods) {
  Napi::Object result = Napi::Object::New(env);
  result["own"] = column(env, likelihoods, &Likelihood::own);
  result["base"] = column(env, likelihoods, &Likelihood::base);
  result["divergence"] = column(env, likelihoods, &Likelihood::divergence);
  result["entropy"] = column(env, likelihoods, &Likelihood::entropy);
  result["ownTop"] = tops(env, likelihoods, &Likelihood::ownTop);
  result["baseTop"] = tops(env, likelihoods, &Likelihood::baseTop);
  return result;
}
