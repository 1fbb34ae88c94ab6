// What rows of logits say of tokens that are there already, and how far one row's distribution is from another's: over
// the whole vocabulary at temperature 1, summed in float64.
#pragma once

#include <cstddef>
#include <vector>

#include "team.h"

struct Comparison {
  const float* own;   // logits of P (vocabulary)
  const float* base;  // of Q; the same pointer where there is no other
  int token;
};

// A row's most probable token, of equal ones the lowest, and the log of its probability.
struct TopToken {
  int token;
  double log;
};

// All in nats. NaN where a logit is NaN or +infinity; -infinity is a token that never comes.
struct Likelihood {
  double own, base;   // log P(token), log Q(token)
  double divergence;  // KL(P || Q) = sum of P (log P - log Q); infinite where Q excludes a token that P does not
  double entropy;     // of P
  TopToken ownTop, baseTop;
};

Likelihood likelihoodOf(const Comparison& comparison, int vocabulary);

// One for each comparison, shared out among the team.
std::vector<Likelihood> likelihoodsOf(const std::vector<Comparison>& comparisons, int vocabulary, Team& team);

// log of the token's probability to 1e-6, a tenth of the time of the above: for every token that is drawn. No logit is
// NaN or +infinity. logits (vocabulary)
float logProbability(const float* logits, int vocabulary, int token);
