#include <algorithm>
#include <cmath>

#include "ascender_work.h"
#include "gemm.h"

// Two hidden layers. An update is long enough to be shared: by rows where there are enough, else by units.

// z2 = W2 relu(z1) + b2 of rows [firstRow, lastRow) and units [begin, end).
void Ascender::secondLayer(Work& work, size_t firstRow, size_t lastRow, size_t begin, size_t end) const {
  const LinearLayer& second = layers_[1];
  for (size_t r = firstRow; r < lastRow; r++) {
    std::copy(second.bias.begin() + begin, second.bias.begin() + end, work.z2.data() + r * H2_ + begin);
  }
  W2T_.addProducts(work.a1.data() + firstRow * H1_, H1_, lastRow - firstRow, begin, end,
                   work.z2.data() + firstRow * H2_, H2_);
  for (size_t r = firstRow; r < lastRow; r++) {
    const float* a1 = work.a1.data() + r * H1_;
    float* z2 = work.z2.data() + r * H2_;
    const float doubt = deviationsOfDoubt * W2T_.roundingOfProduct(a1);
    for (size_t i = begin; i < end; i++) {
      if (std::fabs(z2[i]) < doubt) z2[i] = dot(second.weight.data() + i * H1_, a1, H1_) + second.bias[i];
    }
  }
}

void Ascender::ascendTwoHidden(Work& work, const Ascent& settings, int thread, int threads, Barrier& shared) const {
  Barrier alone(1);
  const bool byRows = work.rows >= size_t(threads);
  const Share mine(work.rows, 1, thread, threads);
  const int members = byRows ? 1 : threads, member = byRows ? 0 : thread;  // of the threads that share these rows
  const size_t firstRow = byRows ? mine.begin : 0, lastRow = byRows ? mine.end : work.rows;
  Barrier& barrier = byRows ? alone : shared;
  const WideMatrix G{G_.data(), H1_}, W2{layers_[1].weight.data(), H1_};
  const std::vector<float>& w3 = layers_[2].weight;
  const auto [begin, end] = Share(H1_, unitGranule, member, members);
  const auto [begin2, end2] = Share(H2_, unitGranule, member, members);
  const size_t rows = lastRow - firstRow, from = firstRow * H1_;
  std::vector<RowStep> steps(work.rows);
  std::vector<char> active(work.rows * H2_);

  for (size_t r = firstRow; r < lastRow; r++) {
    const float *z1 = work.z1.data() + r * H1_, *z2 = work.z2.data() + r * H2_;
    std::copy(z1 + begin, z1 + end, work.z1Start.data() + r * H1_ + begin);
    Selection s2;
    for (size_t i = 0; i < H2_; i++) {
      active[r * H2_ + i] = z2[i] > 0;
      if (z2[i] > 0) s2.add(i, w3[i]);
    }
    W2.addRows(s2, begin, end, work.u.data() + r * H1_);
  }
  for (int k = 0; k < settings.updates; k++) {
    for (size_t r = firstRow; r < lastRow; r++) {
      for (size_t at = r * H1_ + begin; at < r * H1_ + end; at++) {
        work.s1[at] = work.z1[at] > 0 ? work.u[at] : 0;
        work.Gs[at] = 0;
      }
    }
    barrier.wait();
    G.addProducts(work.s1.data() + from, H1_, rows, begin, end, work.Gs.data() + from, H1_);
    if (std::isfinite(settings.maxEdit)) barrier.wait();
    bool moves = false;
    for (size_t r = firstRow; r < lastRow; r++) moves |= chooseStep(work, settings, r, steps[r]);
    if (!moves) break;
    if (std::isfinite(settings.maxEdit)) barrier.wait();
    for (size_t r = firstRow; r < lastRow; r++) {
      const RowStep& step = steps[r];
      for (size_t at = r * H1_ + begin; at < r * H1_ + end; at++) {
        work.weight[at] = step.shrink * (work.weight[at] + step.a * work.s1[at]);
        const float z = work.z1[at] + step.a * work.Gs[at];
        work.z1[at] = step.shrink < 1 ? work.z1Start[at] + step.shrink * (z - work.z1Start[at]) : z;
        work.a1[at] = std::max(work.z1[at], 0.0f);
      }
    }
    barrier.wait();
    secondLayer(work, firstRow, lastRow, begin2, end2);
    for (size_t r = firstRow; r < lastRow; r++) {
      Selection& flips = work.flips[member][r];
      flips.clear();
      for (size_t i = begin2; i < end2; i++) {
        const bool now = work.z2[r * H2_ + i] > 0;
        if (now != bool(active[r * H2_ + i])) flips.add(i, now ? w3[i] : -w3[i]);
        active[r * H2_ + i] = now;
      }
    }
    barrier.wait();
    for (size_t r = firstRow; r < lastRow; r++) {
      for (int member = 0; member < members; member++) {
        W2.addRows(work.flips[member][r], begin, end, work.u.data() + r * H1_);
      }
    }
  }
}
