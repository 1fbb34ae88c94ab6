#include "ascender.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gemm.h"
#include "hidden_units.h"

// Shapes: D = inputDim, H1 and H2 = hidden widths. A matrix (rows, n) holds one state's numbers per row.
// A unit is active where its pre-activation z > 0; relu'(0) is 0, as in PyTorch.

namespace {

using Vector = std::vector<float>;

constexpr size_t granule = 64;   // units of one thread's share: whole cache lines
constexpr float deviations = 3;  // of rounding within which the sign of a unit is in doubt

float norm(const float* x, size_t n) { return std::sqrt(dot(x, x, n)); }

}  // namespace

// One thread's share: rows, and of each the units of the first and of the second layer.
struct Ascender::Part {
  size_t firstRow, lastRow;
  Share units1, units2;
  int member, members;  // among the threads that share these rows
  Barrier& barrier;
};

// What one row's next update is. Every thread that shares the row keeps its own copy, with the same numbers.
struct Ascender::RowStep {
  float a = 0;       // 0: the row has reached its target
  float shrink = 1;  // the edit after the update is scaled by this, to stay in the trust region
  bool stopped = false;
  double editSquared = 0;  // |Delta h|^2
};

struct Ascender::Work {
  size_t rows;
  Vector norm;                                // (rows): |h|
  Vector z1, z1Start, z2;                     // pre-activations, (rows, H1) and (rows, H2)
  Vector weight;                              // (rows, H1): Delta h = W1^T weight
  Vector Gs;                                  // (rows, H1)
  Vector doubt;                               // (rows, H1): a smaller |z1| may have the wrong sign
  Vector s1;                                  // (rows, H1): dV/dz1
  Vector u, a1;                               // two hidden layers: W2^T s2 and relu(z1), (rows, H1)
  Vector delta;                               // (rows, D)
  std::vector<std::vector<Selection>> flips;  // [member][row]: units that flipped, by the change of their s
};

Ascender::Ascender(const std::vector<LinearLayer>& layers)
    : layers_(layers),
      D_(layers[0].inputs),
      H1_(layers[0].outputs),
      H2_(layers.size() == 3 ? layers[1].outputs : 0),
      W1_(layers[0].weight.data(), H1_, D_) {
  computeGram();
  if (H2_ == 0) {
    Vector offDiagonal = G_;
    for (size_t j = 0; j < H1_; j++) offDiagonal[j * H1_ + j] = 0;  // by far the largest of its row
    offDiagonal_ = NarrowMatrix(offDiagonal.data(), H1_, H1_);
  } else {
    Vector transposed(H1_ * H2_);
    for (size_t i = 0; i < H2_; i++) {
      for (size_t j = 0; j < H1_; j++) transposed[j * H2_ + i] = layers[1].weight[i * H1_ + j];
    }
    W2T_ = NarrowMatrix(transposed.data(), H1_, H2_);
  }
}

// G = W1 W1^T: only the blocks on and below the diagonal, mirrored: half the work, and exactly symmetric.
void Ascender::computeGram() {
  constexpr int blockRows = 336;
  const int H1 = int(H1_), D = int(D_);
  const float* W1 = layers_[0].weight.data();
  G_.resize(H1_ * H1_);
  for (int first = 0; first < H1; first += blockRows) {
    const int count = std::min(blockRows, H1 - first);
    gemm(GemmLayout::NT, count, first + count, D, W1 + size_t(first) * D, D, W1, D, &G_[size_t(first) * H1], H1, false,
         1);
  }
  for (size_t i = 0; i < H1_; i++) {
    for (size_t j = 0; j < i; j++) G_[j * H1_ + i] = G_[i * H1_ + j];
  }
}

float Ascender::value(const Work& work, size_t row) const {
  if (!std::isfinite(work.norm[row])) return NAN;  // relu makes a zero of NaN
  const Vector& w = layers_.back().weight;
  const float* z = H2_ == 0 ? work.z1.data() + row * H1_ : work.z2.data() + row * H2_;
  return activeDot(z, w.data(), z, w.size()) + layers_.back().bias[0];
}

void Ascender::ascend(float* states, int rows, const Ascent& settings, const AscentReport& report, Team& team) const {
  if (rows == 0) return;
  const size_t n = rows;
  static thread_local Work work;  // kept between tokens: its pages are in use already
  work.rows = n;
  work.norm.resize(n);
  work.z1.resize(n * H1_);
  work.z1Start.resize(n * H1_);
  work.s1.resize(n * H1_);
  work.z2.assign(n * H2_, 0.0f);
  work.weight.assign(n * H1_, 0.0f);
  work.Gs.assign(n * H1_, 0.0f);
  work.doubt.resize(n * H1_);
  for (Vector* v : {&work.u, &work.a1}) v->assign(H2_ > 0 ? n * H1_ : 0, 0.0f);
  work.delta.assign(n * D_, 0.0f);
  const bool edits = settings.updates > 0 && settings.stepSize != 0 && settings.maxEdit > 0;

  work.flips.assign(team.size(), std::vector<Selection>(n));
  Work& shared = work;  // the other threads have another thread_local
  Barrier barrier(team.size());
  // noexcept: a thread that left would keep the others waiting for ever
  team.run([&](int thread, int threads) noexcept {
    forward(states, shared, thread, threads, barrier);
    Barrier alone(1);
    const bool byRows = n >= size_t(threads);
    const Share mine(n, 1, thread, threads);
    const Part part =
        byRows ? Part{mine.begin, mine.end, {H1_, granule, 0, 1}, {H2_, granule, 0, 1}, 0, 1, alone}
               : Part{0, n, {H1_, granule, thread, threads}, {H2_, granule, thread, threads}, thread, threads, barrier};
    for (size_t r = part.firstRow; r < part.lastRow; r++) {
      if (int(r % part.members) != part.member) continue;
      report.valueBefore[r] = report.valueAfter[r] = value(shared, r);
      report.edit[r] = 0;
    }
    if (!edits) return;
    if (H2_ == 0) {
      ascendOneHidden(states, shared, settings, part);
    } else {
      ascendTwoHidden(shared, settings, part);
    }
    barrier.wait();
    finish(states, shared, settings, report, thread, threads, barrier);
  });
}

// The pre-activations of all rows; every thread its share of the units.
void Ascender::forward(const float* states, Work& work, int thread, int threads, Barrier& barrier) const {
  const LinearLayer& first = layers_[0];
  const Share units(H1_, granule, thread, threads);
  Vector norms(work.rows);
  for (size_t r = 0; r < work.rows; r++) norms[r] = norm(states + r * D_, D_);
  if (thread == 0) work.norm = norms;
  if (H2_ == 0) {
    W1_.multiply(units.begin, units.end, states, work.rows, work.z1.data(), H1_);
    for (size_t r = 0; r < work.rows; r++) {
      float* z = work.z1.data() + r * H1_;
      for (size_t j = units.begin; j < units.end; j++) {
        z[j] += first.bias[j];
        if (std::fabs(z[j]) < deviations * W1_.roundingError(j) * norms[r]) {
          z[j] = dot(first.weight.data() + j * D_, states + r * D_, D_) + first.bias[j];
        }
      }
    }
    barrier.wait();
    return;
  }
  for (size_t j = units.begin; j < units.end; j++) {
    for (size_t r = 0; r < work.rows; r++) {
      const float z = dot(first.weight.data() + j * D_, states + r * D_, D_) + first.bias[j];
      work.z1[r * H1_ + j] = z;
      work.a1[r * H1_ + j] = std::max(z, 0.0f);
    }
  }
  barrier.wait();
  const Share units2(H2_, granule, thread, threads);
  secondLayer(work, 0, work.rows, units2.begin, units2.end);
  barrier.wait();
}

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
    const float doubt = deviations * W2T_.roundingOfProduct(a1);
    for (size_t i = begin; i < end; i++) {
      if (std::fabs(z2[i]) < doubt) z2[i] = dot(second.weight.data() + i * H1_, a1, H1_) + second.bias[i];
    }
  }
}

// Before an update of the part's rows: their step factors by V, and how far they may go. `change` (rows, H1) is the
// direction W1^T change of the update, with its image Gs. False when every row has reached its target. All threads that
// share the rows come to the same numbers.
bool Ascender::chooseSteps(const Work& work, const Ascent& settings, const float* change, const Part& part,
                           std::vector<RowStep>& steps) const {
  const bool seeks = !std::isnan(settings.target), bounded = std::isfinite(settings.maxEdit);
  bool any = false;
  for (size_t r = part.firstRow; r < part.lastRow; r++) {
    RowStep& step = steps[r];
    step.a = settings.stepSize;
    if (seeks) {
      const float missing = settings.target - value(work, r);
      step.stopped = step.stopped || std::fabs(missing) <= settings.tolerance;
      step.a = step.stopped ? 0 : 2 * settings.stepSize * missing;
    }
    any = any || step.a != 0;
    if (!bounded || step.a == 0) continue;
    const float* s = change + r * H1_;
    const float *z = work.z1.data() + r * H1_, *start = work.z1Start.data() + r * H1_;
    const double across = double(dot(s, z, H1_)) - dot(s, start, H1_);  // Delta h . W1^T s
    const double squared = dot(s, work.Gs.data() + r * H1_, H1_);       // |W1^T s|^2
    const double limit = double(settings.maxEdit) * work.norm[r];
    const double within = step.editSquared + 2 * step.a * across + double(step.a) * step.a * squared;
    step.shrink = within > limit * limit ? float(limit / std::sqrt(within)) : 1;
    step.editSquared = std::min(within, limit * limit);
  }
  return any;
}

void Ascender::ascendOneHidden(const float* states, Work& work, const Ascent& settings, const Part& part) const {
  const LinearLayer& first = layers_[0];
  const Vector& w2 = layers_[1].weight;
  const bool watches = !std::isnan(settings.target) || std::isfinite(settings.maxEdit);
  const auto [begin, end] = part.units1;
  const size_t rows = part.lastRow - part.firstRow, from = part.firstRow * H1_;
  const float longest = norm(w2.data(), H1_) * settings.updates;
  std::vector<RowStep> steps(work.rows);
  std::vector<std::vector<int>> candidates(work.rows);

  for (size_t r = part.firstRow; r < part.lastRow; r++) {
    const float* z = work.z1.data() + r * H1_;
    std::copy(z + begin, z + end, work.z1Start.data() + r * H1_ + begin);
    for (size_t j = begin; j < end; j++) work.s1[r * H1_ + j] = z[j] > 0 ? w2[j] : 0;
    candidates[r].resize(end - begin);
  }
  part.barrier.wait();
  offDiagonal_.addProducts(work.s1.data() + from, H1_, rows, begin, end, work.Gs.data() + from, H1_);
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = begin; j < end; j++) work.Gs[from + i * H1_ + j] += G_[j * H1_ + j] * work.s1[from + i * H1_ + j];
  }
  for (int k = 0; k < settings.updates; k++) {
    if (watches) part.barrier.wait();
    if (!chooseSteps(work, settings, work.s1.data(), part, steps)) break;
    if (watches) part.barrier.wait();
    for (size_t r = part.firstRow; r < part.lastRow; r++) {
      const size_t at = r * H1_;
      float* doubt = work.doubt.data() + at;
      if (k == 0) {
        const float reach = longest * std::fabs(steps[r].a);
        for (size_t j = begin; j < end; j++) {
          doubt[j] = deviations * (W1_.roundingError(j) * work.norm[r] + offDiagonal_.roundingError(j) * reach);
        }
      }
      candidates[r].resize(end - begin);
      candidates[r].resize(steps[r].a == 0
                               ? 0
                               : advanceUnits(begin, end, steps[r].a, w2.data(), work.Gs.data() + at, doubt,
                                              work.z1.data() + at, work.weight.data() + at, candidates[r].data()));
      if (steps[r].shrink < 1) shrinkEdit(work, r, begin, end, steps[r].shrink, candidates[r]);
    }
    part.barrier.wait();
    for (size_t r = part.firstRow; r < part.lastRow; r++) {
      float* z = work.z1.data() + r * H1_;
      const float* weight = work.weight.data() + r * H1_;
      Selection& flips = work.flips[part.member][r];
      flips.clear();
      for (const int candidate : candidates[r]) {
        const int j = candidate / 2;
        const bool was = candidate % 2 != 0;
        if (std::fabs(z[j]) < work.doubt[r * H1_ + j]) {
          z[j] = dot(first.weight.data() + j * D_, states + r * D_, D_) + first.bias[j] +
                 dot(G_.data() + j * H1_, weight, H1_);
        }
        if (was != (z[j] > 0)) flips.add(j, was ? -w2[j] : w2[j]);
      }
    }
    part.barrier.wait();
    for (size_t r = part.firstRow; r < part.lastRow; r++) {
      float* Gs = work.Gs.data() + r * H1_;
      for (int member = 0; member < part.members; member++) {
        const Selection& flips = work.flips[member][r];
        offDiagonal_.addRows(flips, begin, end, Gs);  // symmetric: its rows are its columns
      }
      const Selection& own = work.flips[part.member][r];
      for (size_t i = 0; i < own.size(); i++) {
        const size_t j = own.index[i];
        Gs[j] += G_[j * H1_ + j] * own.scale[i];
        work.s1[r * H1_ + j] += own.scale[i];
      }
    }
  }
}

// Scales the edit of units [begin, end) of a row after an update, and looks for those that flipped anew.
void Ascender::shrinkEdit(Work& work, size_t row, size_t begin, size_t end, float shrink,
                          std::vector<int>& candidates) const {
  float* z = work.z1.data() + row * H1_;
  const float *start = work.z1Start.data() + row * H1_, *s = work.s1.data() + row * H1_;
  candidates.clear();
  for (size_t j = begin; j < end; j++) {
    z[j] = start[j] + shrink * (z[j] - start[j]);
    work.weight[row * H1_ + j] *= shrink;
    const bool was = s[j] != 0;
    if (was != (z[j] > 0) || std::fabs(z[j]) < work.doubt[row * H1_ + j]) candidates.push_back(int(2 * j + was));
  }
}

void Ascender::ascendTwoHidden(Work& work, const Ascent& settings, const Part& part) const {
  const WideMatrix G{G_.data(), H1_}, W2{layers_[1].weight.data(), H1_};
  const Vector& w3 = layers_[2].weight;
  const auto [begin, end] = part.units1;
  const auto [begin2, end2] = part.units2;
  const size_t rows = part.lastRow - part.firstRow, from = part.firstRow * H1_;
  std::vector<RowStep> steps(work.rows);
  std::vector<char> active(work.rows * H2_);

  for (size_t r = part.firstRow; r < part.lastRow; r++) {
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
    for (size_t r = part.firstRow; r < part.lastRow; r++) {
      for (size_t at = r * H1_ + begin; at < r * H1_ + end; at++) {
        work.s1[at] = work.z1[at] > 0 ? work.u[at] : 0;
        work.Gs[at] = 0;
      }
    }
    part.barrier.wait();
    G.addProducts(work.s1.data() + from, H1_, rows, begin, end, work.Gs.data() + from, H1_);
    if (std::isfinite(settings.maxEdit)) part.barrier.wait();
    if (!chooseSteps(work, settings, work.s1.data(), part, steps)) break;
    if (std::isfinite(settings.maxEdit)) part.barrier.wait();
    for (size_t r = part.firstRow; r < part.lastRow; r++) {
      const RowStep& step = steps[r];
      for (size_t at = r * H1_ + begin; at < r * H1_ + end; at++) {
        work.weight[at] = step.shrink * (work.weight[at] + step.a * work.s1[at]);
        const float z = work.z1[at] + step.a * work.Gs[at];
        work.z1[at] = step.shrink < 1 ? work.z1Start[at] + step.shrink * (z - work.z1Start[at]) : z;
        work.a1[at] = std::max(work.z1[at], 0.0f);
      }
    }
    part.barrier.wait();
    secondLayer(work, part.firstRow, part.lastRow, begin2, end2);
    for (size_t r = part.firstRow; r < part.lastRow; r++) {
      Selection& flips = work.flips[part.member][r];
      flips.clear();
      for (size_t i = begin2; i < end2; i++) {
        const bool now = work.z2[r * H2_ + i] > 0;
        if (now != bool(active[r * H2_ + i])) flips.add(i, now ? w3[i] : -w3[i]);
        active[r * H2_ + i] = now;
      }
    }
    part.barrier.wait();
    for (size_t r = part.firstRow; r < part.lastRow; r++) {
      for (int member = 0; member < part.members; member++) {
        W2.addRows(work.flips[member][r], begin, end, work.u.data() + r * H1_);
      }
    }
  }
}

// Delta h = W1^T weight; every thread its share of the dimensions, then of the rows.
void Ascender::finish(float* states, Work& work, const Ascent& settings, const AscentReport& report, int thread,
                      int threads, Barrier& barrier) const {
  const Share dims(D_, granule, thread, threads);
  W1_.addProducts(work.weight.data(), H1_, work.rows, dims.begin, dims.end, work.delta.data(), D_);
  barrier.wait();
  for (size_t r = thread; r < work.rows; r += threads) {
    const float* delta = work.delta.data() + r * D_;
    const float length = norm(delta, D_), limit = settings.maxEdit * work.norm[r];
    const float scale = length > limit ? limit / length : 1;  // rounding may have left it a little longer
    report.edit[r] = work.norm[r] > 0 ? scale * length / work.norm[r] : 0;
    report.valueAfter[r] = std::isfinite(report.edit[r]) ? value(work, r) : NAN;
    if (std::isfinite(report.valueBefore[r]) && std::isfinite(report.valueAfter[r])) {
      axpy(states + r * D_, scale, delta, D_);
    }
  }
}
