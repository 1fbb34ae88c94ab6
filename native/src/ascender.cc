#include "ascender.h"

#include <algorithm>
#include <cmath>

#include "ascender_work.h"
#include "gemm.h"
#include "hidden_units.h"

// Shapes: D = inputDim, H1 and H2 = hidden widths. A matrix (rows, n) holds one state's numbers per row.
// A unit is active where its pre-activation z > 0; relu'(0) is 0, as in PyTorch.

namespace {

using Vector = std::vector<float>;

float norm(const float* x, size_t n) { return std::sqrt(dot(x, x, n)); }

}  // namespace

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
    for (size_t j = 0; j < H1_; j++) diagonal_.push_back(G_[j * H1_ + j]);
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
  static thread_local Work ownWork;  // kept between tokens: its pages are in use already
  Work& work = ownWork;              // the other threads have another
  work.rows = n;
  work.norm.resize(n);
  for (Vector* v : {&work.z1, &work.z1Start, &work.s1}) v->resize(n * H1_);
  for (Vector* v : {&work.weight, &work.Gs}) v->assign(n * H1_, 0.0f);
  for (Vector* v : {&work.u, &work.a1}) v->assign(H2_ > 0 ? n * H1_ : 0, 0.0f);
  work.z2.assign(n * H2_, 0.0f);
  work.delta.assign(n * D_, 0.0f);
  work.flips.assign(H2_ > 0 ? team.size() : 0, std::vector<Selection>(n));
  const bool edits = settings.updates > 0 && settings.stepSize != 0 && settings.maxEdit > 0;
  Barrier barrier(team.size());
  // noexcept: a thread that left would keep the others waiting for ever
  team.run([&](int thread, int threads) noexcept {
    forward(states, work, thread, threads, barrier);
    for (size_t r = thread; r < n; r += threads) {
      report.valueBefore[r] = report.valueAfter[r] = value(work, r);
      report.edit[r] = 0;
    }
    if (!edits) return;
    barrier.wait();
    if (H2_ == 0) {
      ascendOneHidden(states, work, settings, thread, threads, barrier);
    } else {
      ascendTwoHidden(work, settings, thread, threads, barrier);
    }
    barrier.wait();
    finish(states, work, settings, report, thread, threads, barrier);
  });
}

// The pre-activations of all rows; every thread its share of the units.
void Ascender::forward(const float* states, Work& work, int thread, int threads, Barrier& barrier) const {
  const LinearLayer& first = layers_[0];
  const Share units(H1_, unitGranule, thread, threads);
  Vector norms(work.rows);
  for (size_t r = 0; r < work.rows; r++) norms[r] = norm(states + r * D_, D_);
  if (thread == 0) work.norm = norms;
  if (H2_ == 0) {
    W1_.multiply(units.begin, units.end, states, work.rows, work.z1.data(), H1_);
    for (size_t r = 0; r < work.rows; r++) {
      float* z = work.z1.data() + r * H1_;
      for (size_t j = units.begin; j < units.end; j++) {
        z[j] += first.bias[j];
        if (std::fabs(z[j]) < deviationsOfDoubt * W1_.roundingError(j) * norms[r]) {
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
  const Share units2(H2_, unitGranule, thread, threads);
  secondLayer(work, 0, work.rows, units2.begin, units2.end);
  barrier.wait();
}

// Before an update of a row: its step factor by V, and how far it may go. s1 and Gs of the row are those of the update.
// False when the row has reached its target.
bool Ascender::chooseStep(const Work& work, const Ascent& settings, size_t row, RowStep& step) const {
  step.a = settings.stepSize;
  if (!std::isnan(settings.target)) {
    const float missing = settings.target - value(work, row);
    step.stopped = step.stopped || std::fabs(missing) <= settings.tolerance;
    step.a = step.stopped ? 0 : 2 * settings.stepSize * missing;
  }
  if (step.a == 0 || !std::isfinite(settings.maxEdit)) return step.a != 0;
  const float* s = work.s1.data() + row * H1_;
  const float *z = work.z1.data() + row * H1_, *start = work.z1Start.data() + row * H1_;
  const double across = double(dot(s, z, H1_)) - dot(s, start, H1_);  // Delta h . W1^T s
  const double squared = dot(s, work.Gs.data() + row * H1_, H1_);     // |W1^T s|^2
  const double limit = double(settings.maxEdit) * work.norm[row];
  const double within = step.editSquared + 2 * step.a * across + double(step.a) * step.a * squared;
  step.shrink = within > limit * limit ? float(limit / std::sqrt(within)) : 1;
  step.editSquared = std::min(within, limit * limit);
  return true;
}

// Delta h = W1^T weight; every thread its share of the dimensions, then of the rows.
void Ascender::finish(float* states, Work& work, const Ascent& settings, const AscentReport& report, int thread,
                      int threads, Barrier& barrier) const {
  const Share dims(D_, unitGranule, thread, threads);
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
