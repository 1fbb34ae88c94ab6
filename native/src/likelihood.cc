#include "likelihood.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "top_k.h"

namespace {

// Summed in float32 together; the sums in float64.
constexpr int BLOCK = 64;

// log of the sum of exp(logits); NaN where one is NaN or +infinity.
double logSumExp(const float* logits, int vocabulary) {
  if (hasNanOrInfinity(logits, vocabulary)) return std::numeric_limits<double>::quiet_NaN();
  const double highest = *std::max_element(logits, logits + vocabulary);
  double sum = 0;
  for (int i = 0; i < vocabulary; i++) sum += std::exp(logits[i] - highest);
  return highest + std::log(sum);
}

TopToken topOf(const float* logits, int vocabulary, double logTotal) {
  const int token = static_cast<int>(std::max_element(logits, logits + vocabulary) - logits);
  return {token, logits[token] - logTotal};
}

// exp(x) for -86 <= x <= 0 to 2e-7 of it, in operations that the compiler makes vectors of: 2^k times the Taylor
// polynomial of 2^f, |f| <= 1/2.
float expOfNegative(float x) {
  const float power = x * 1.44269504f;
  const int k = -static_cast<int>(0.5f - power);
  const float f = (power - static_cast<float>(k)) * 0.693147181f;
  const float series =
      1 + f * (1 + f * (1 / 2.0f + f * (1 / 6.0f + f * (1 / 24.0f + f * (1 / 120.0f + f * (1 / 720.0f))))));
  return series * std::bit_cast<float>((k + 127) << 23);
}

}  // namespace

float logProbability(const float* logits, int vocabulary, int token) {
  const float highest = logits[firstLargest(logits, vocabulary)];
  double sum = 0;
  for (int first = 0; first < vocabulary; first += BLOCK) {
    const int count = std::min(BLOCK, vocabulary - first);
    float terms[BLOCK];  // a loop for each step: together the compiler does not make vectors of them
    for (int i = 0; i < count; i++) terms[i] = logits[first + i] - highest;
    for (int i = 0; i < count; i++) terms[i] = terms[i] > -86 ? terms[i] : -86;  // exp(-86) is 4e-38
    for (int i = 0; i < count; i++) terms[i] = expOfNegative(terms[i]);
    float part = 0;
    for (int i = 0; i < count; i++) part += terms[i];
    sum += part;
  }
  return static_cast<float>(logits[token] - highest - std::log(sum));
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
  const TopToken ownTop = topOf(own, vocabulary, ownTotal);
  const TopToken baseTop = own == base ? ownTop : topOf(base, vocabulary, baseTotal);
  // rounding leaves equal distributions a hair below 0; NaN stays NaN
  return {own[token] - ownTotal, base[token] - baseTotal, divergence < 0 ? 0 : divergence, entropy, ownTop, baseTop};
}

std::vector<Likelihood> likelihoodsOf(const std::vector<Comparison>& comparisons, int vocabulary, Team& team) {
  std::vector<Likelihood> likelihoods(comparisons.size());
  team.run([&](int thread, int threads) {
    const Share share(comparisons.size(), 1, thread, threads);
    for (size_t i = share.begin; i < share.end; i++) likelihoods[i] = likelihoodOf(comparisons[i], vocabulary);
  });
  return likelihoods;
}
