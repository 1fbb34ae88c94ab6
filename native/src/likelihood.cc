#include "likelihood.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "top_k.h"

double logSumExp(const float* logits, int vocabulary) {
  if (hasNanOrInfinity(logits, vocabulary)) return std::numeric_limits<double>::quiet_NaN();
  const double highest = *std::max_element(logits, logits + vocabulary);
  double sum = 0;
  for (int i = 0; i < vocabulary; i++) sum += std::exp(logits[i] - highest);
  return highest + std::log(sum);
}

Likelihood likelihoodOf(const Comparison& comparison, int vocabulary) {
  const auto [own, base, token] = comparison;
  const double ownTotal = logSumExp(own, vocabulary);
  const double baseTotal = own == base ? ownTotal : logSumExp(base, vocabulary);
  double divergence = 0, entropy = 0;
  for (int i = 0; i < vocabulary; i++) {
    const double logP = own[i] - ownTotal;
    const double p = std::exp(logP);
    if (p == 0) continue;  // 0 log 0 = 0; a logit may be -infinity
    entropy -= p * logP;
    divergence += p * (logP - (base[i] - baseTotal));
  }
  // rounding leaves equal distributions a hair below 0; NaN stays NaN
  return {own[token] - ownTotal, base[token] - baseTotal, divergence < 0 ? 0 : divergence, entropy};
}

std::vector<Likelihood> likelihoodsOf(const std::vector<Comparison>& comparisons, int vocabulary, Team& team) {
  std::vector<Likelihood> likelihoods(comparisons.size());
  team.run([&](int thread, int threads) {
    const Share share(comparisons.size(), 1, thread, threads);
    for (size_t i = share.begin; i < share.end; i++) likelihoods[i] = likelihoodOf(comparisons[i], vocabulary);
  });
  return likelihoods;
}
