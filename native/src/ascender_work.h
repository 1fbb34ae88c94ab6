// What an ascent works on, shared by its threads.
#pragma once

#include <cstddef>
#include <vector>

#include "ascender.h"
#include "selection.h"
#include "team.h"

// Units of one thread's share: whole cache lines.
constexpr size_t unitGranule = 64;
// A pre-activation within so many standard deviations of rounding of 0 may have the wrong sign.
constexpr float deviationsOfDoubt = 3;

struct Ascender::Work {
  size_t rows;
  std::vector<float> norm;                    // (rows): |h|
  std::vector<float> z1, z1Start, z2;         // pre-activations now and at first, (rows, H1) and (rows, H2)
  std::vector<float> s1;                      // (rows, H1): dV/dz1
  std::vector<float> Gs;                      // (rows, H1): G s1
  std::vector<float> weight;                  // (rows, H1): Delta h = W1^T weight
  std::vector<float> u, a1;                   // two hidden layers: W2^T s2 and relu(z1), (rows, H1)
  std::vector<float> delta;                   // (rows, D)
  std::vector<std::vector<Selection>> flips;  // two hidden layers: [thread][row], what changed of s2
};

// How one update moves a row. Threads that share a row each keep their own copy, with the same numbers.
struct Ascender::RowStep {
  float a = 0;       // 0: the row has reached its target
  float shrink = 1;  // the edit after the update is scaled by this, to stay in the trust region
  bool stopped = false;
  double editSquared = 0;  // |Delta h|^2
};
