// Which rows of a batch's logits are compared, and how the answers go back to JavaScript.
#pragma once

#include <napi.h>

#include <vector>

#include "likelihood.h"

struct RowComparison {
  int own, base;  // output rows; the same one where there is no other
  int token;
};

struct Comparisons {
  std::vector<RowComparison> rows;
  // The own rows' states are those of the base rows before any edit.
  bool sameState = false;
};

// {own, base, tokens: Int32Array(n), sameState: boolean}; none where the value is undefined. Throws a JS error for rows that the batch does
// not have and tokens that the vocabulary does not.
Comparisons requireComparisons(Napi::Value value, int rows, int vocabulary);

// {own, base, divergence, entropy: Float64Array(n), ownTop, baseTop: {tokens: Int32Array(n), logs: Float64Array(n)}}
Napi::Object toJs(Napi::Env env, const std::vector<Likelihood>& likelihoods);
