#include <algorithm>
#include <cmath>

#include "ascender_work.h"
#include "gemm.h"
#include "hidden_units.h"

// One hidden layer. The threads share the first G s, a pass over half of G; then each row goes its way on one thread,
// as its updates are too short to share.

void Ascender::ascendOneHidden(const float* states, Work& work, const Ascent& settings, int thread, int threads,
                               Barrier& barrier) const {
  const std::vector<float>& w2 = layers_[1].weight;
  const auto [begin, end] = Share(H1_, unitGranule, thread, threads);
  for (size_t r = 0; r < work.rows; r++) {
    const float* z = work.z1.data() + r * H1_;
    std::copy(z + begin, z + end, work.z1Start.data() + r * H1_ + begin);
    for (size_t j = begin; j < end; j++) work.s1[r * H1_ + j] = z[j] > 0 ? w2[j] : 0;
  }
  barrier.wait();
  offDiagonal_.addProducts(work.s1.data(), H1_, work.rows, begin, end, work.Gs.data(), H1_);
  for (size_t r = 0; r < work.rows; r++) {
    for (size_t j = begin; j < end; j++) work.Gs[r * H1_ + j] += diagonal_[j] * work.s1[r * H1_ + j];
  }
  barrier.wait();
  for (size_t r = thread; r < work.rows; r += threads) climb(states + r * D_, work, settings, r);
}

// All updates of one row with state h.
void Ascender::climb(const float* h, Work& work, const Ascent& settings, size_t row) const {
  const LinearLayer& first = layers_[0];
  const std::vector<float>& w2 = layers_[1].weight;
  float *z = work.z1.data() + row * H1_, *weight = work.weight.data() + row * H1_;
  float *s = work.s1.data() + row * H1_, *Gs = work.Gs.data() + row * H1_;
  const float w2Norm = std::sqrt(dot(w2.data(), w2.data(), H1_));
  float reach = 0;  // how far one update can move the weights: |a| |w2|
  std::vector<float> doubt(H1_);
  std::vector<int> candidates(H1_);
  Selection flips;
  RowStep step;
  for (int k = 0; k < settings.updates; k++) {
    if (!chooseStep(work, settings, row, step)) break;
    if (k == 0) {
      reach = w2Norm * std::fabs(step.a);
      for (size_t j = 0; j < H1_; j++) {
        doubt[j] = deviationsOfDoubt *
                   (W1_.roundingError(j) * work.norm[row] + offDiagonal_.roundingError(j) * reach * settings.updates);
      }
    }
    candidates.resize(H1_);
    candidates.resize(advanceUnits(0, H1_, step.a, w2.data(), Gs, doubt.data(), z, weight, candidates.data()));
    if (step.shrink < 1) shrinkEdit(work, row, step.shrink, doubt, candidates);
    flips.clear();
    for (const int candidate : candidates) {
      const size_t j = candidate / 2;
      const bool was = candidate % 2 != 0;
      if (std::fabs(z[j]) < doubt[j]) {
        z[j] = dot(first.weight.data() + j * D_, h, D_) + first.bias[j] + dot(G_.data() + j * H1_, weight, H1_);
        // from here on it errs by what is still to come
        doubt[j] = deviationsOfDoubt * offDiagonal_.roundingError(j) * reach * (settings.updates - k);
      }
      if (was != (z[j] > 0)) flips.add(j, was ? -w2[j] : w2[j]);
    }
    offDiagonal_.addRows(flips, 0, H1_, Gs);  // symmetric: its rows are its columns
    for (size_t i = 0; i < flips.size(); i++) {
      const size_t j = flips.index[i];
      Gs[j] += diagonal_[j] * flips.scale[i];
      s[j] += flips.scale[i];
    }
  }
}

// Scales the edit of a row after an update, and looks anew for the units that flipped.
void Ascender::shrinkEdit(Work& work, size_t row, float shrink, const std::vector<float>& doubt,
                          std::vector<int>& candidates) const {
  float *z = work.z1.data() + row * H1_, *weight = work.weight.data() + row * H1_;
  const float *start = work.z1Start.data() + row * H1_, *s = work.s1.data() + row * H1_;
  candidates.clear();
  for (size_t j = 0; j < H1_; j++) {
    z[j] = start[j] + shrink * (z[j] - start[j]);
    weight[j] *= shrink;
    const bool was = s[j] != 0;
    if (was != (z[j] > 0) || std::fabs(z[j]) < doubt[j]) candidates.push_back(int(2 * j + was));
  }
}
