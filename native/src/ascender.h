// Gradient ascent of many states at once on the processor, in the hidden units' pre-activations z.
//
// One hidden layer, V(h) = w2 . relu(z) + b2 with z = W1 h + b1. An update h += a W1^T s, with s = w2 where z > 0, is
// z += a G s with G = W1 W1^T, and G s changes only by the columns of units that flipped. So n updates are one pass
// over W1 for z, n cheap updates of z, and one pass over W1 for Delta h = W1^T (sum of the a s).
//
// Two hidden layers, z2 = W2 relu(z1) + b2. With u = W2^T s2, which changes by the rows of W2 whose units flipped, an
// update is z1 += a G s1 with s1 = u where z1 > 0. An update reads half of G and half of W2, the explicit form W1 and
// W2 twice.
//
// What is read for every token is kept in 16 bits (NarrowMatrix). Its rounding would not matter, but for units within
// it of 0: whether they are active is then another answer. Those few are computed again in float32.
#pragma once

#include <vector>

#include "ascent.h"
#include "linear_layer.h"
#include "narrow_matrix.h"
#include "team.h"

class Ascender {
 public:
  // `layers` form a value function and outlive this. Computes G: H1^2 D multiply-adds.
  explicit Ascender(const std::vector<LinearLayer>& layers);

  // Edits states (rows, D) in place. The threads of the team share rows and units; the result does not depend on
  // their number. With no updates or a step of 0 no bit of the states changes.
  void ascend(float* states, int rows, const Ascent& settings, const AscentReport& report, Team& team) const;

 private:
  struct RowStep;
  struct Work;

  void computeGram();
  float value(const Work& work, size_t row) const;
  void forward(const float* states, Work& work, int thread, int threads, Barrier& barrier) const;
  bool chooseStep(const Work& work, const Ascent& settings, size_t row, RowStep& step) const;
  void ascendOneHidden(const float* states, Work& work, const Ascent& settings, int thread, int threads,
                       Barrier& barrier) const;
  void climb(const float* h, Work& work, const Ascent& settings, size_t row) const;
  void shrinkEdit(Work& work, size_t row, float shrink, const std::vector<float>& doubt,
                  std::vector<int>& candidates) const;
  void ascendTwoHidden(Work& work, const Ascent& settings, int thread, int threads, Barrier& shared) const;
  void secondLayer(Work& work, size_t firstRow, size_t lastRow, size_t begin, size_t end) const;
  void finish(float* states, Work& work, const Ascent& settings, const AscentReport& report, int thread, int threads,
              Barrier& barrier) const;

  const std::vector<LinearLayer>& layers_;
  const size_t D_, H1_, H2_;  // H2 = 0 with one hidden layer
  NarrowMatrix W1_;           // (H1, D)
  std::vector<float> G_;      // (H1, H1)
  NarrowMatrix offDiagonal_;  // of G; one hidden layer only, as is
  std::vector<float> diagonal_;
  NarrowMatrix W2T_;  // (H1, H2)
};
