#include "standardisation.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <string>
#include <utility>

#include "batch_reader.h"
#include "gemm.h"

namespace {

constexpr int statesAtOnce = 512;

struct Sums {
  std::vector<double> sum, squares;
  double count = 0;
};

// Row of the first state of the batch that is not finite, or -1; adds its training states to the sums. Threads share
// the dimensions, not the states.
int64_t addStates(const TrainingData& data, const StateBatch& batch, int threads, Sums& sums) {
  const size_t D = data.inputDim();
  std::vector<int64_t> firstBad(D, batch.rows());  // at [begin], for the thread that begins there
  parallelRanges(batch.input.size() < worthAThread ? 1 : threads, D, 64, [&](size_t begin, size_t end) {
    const float* state = batch.input.data();
    int64_t row = 0;
    for (const Span& span : batch.spans) {
      const bool counts = !data.trajectories()[span.trajectory].validation;
      for (uint64_t t = 0; t < span.count; t++, row++, state += D) {
        bool finite = true;
        for (size_t d = begin; d < end; d++) finite &= std::fabs(state[d]) <= FLT_MAX;
        if (!finite) {
          firstBad[begin] = row;
          return;
        }
        for (size_t d = begin; counts && d < end; d++) {
          const double x = state[d];
          sums.sum[d] += x;
          sums.squares[d] += x * x;
        }
      }
    }
  });
  const int64_t bad = *std::min_element(firstBad.begin(), firstBad.end());
  return bad < batch.rows() ? bad : -1;
}

[[noreturn]] void refuse(const StateBatch& batch, int64_t row) {
  size_t i = 0;
  for (; row >= int64_t(batch.spans[i].count); i++) row -= int64_t(batch.spans[i].count);
  throw std::invalid_argument("trajectory " + std::to_string(batch.spans[i].trajectory) + ", token " +
                              std::to_string(batch.spans[i].first + row) + ": the state is not finite");
}

}  // namespace

void Standardisation::apply(float* states, size_t rows) const {
  const size_t D = mean.size();  // nothing without a mean
  const float inverse = 1 / scale;
  for (size_t r = 0; D > 0 && r < rows; r++) {
    float* h = states + r * D;
    for (size_t d = 0; d < D; d++) h[d] = (h[d] - mean[d]) * inverse;
  }
}

// W h + b = (c W) x + (b + W mean) for h = c x + mean.
void Standardisation::unfold(LinearLayer& first) const {
  for (int j = 0; !mean.empty() && j < first.outputs; j++) {
    double bias = first.bias[j];
    for (int d = 0; d < first.inputs; d++) {
      float& w = first.weight[size_t(j) * first.inputs + d];
      bias += double(w) * mean[d];
      w *= scale;
    }
    first.bias[j] = float(bias);
  }
}

// W x + b = (W / c) h + (b - W mean / c) for x = (h - mean) / c.
void Standardisation::fold(LinearLayer& first) const {
  for (int j = 0; !mean.empty() && j < first.outputs; j++) {
    double bias = first.bias[j];
    for (int d = 0; d < first.inputs; d++) {
      float& w = first.weight[size_t(j) * first.inputs + d];
      bias -= double(w) * mean[d] / scale;
      w /= scale;
    }
    first.bias[j] = float(bias);
  }
}

Standardisation measureStates(const TrainingData& data, bool standardise, int threads,
                              const std::atomic<bool>& cancelled) {
  const size_t D = data.inputDim();
  Sums sums = {std::vector<double>(D), std::vector<double>(D)};
  const Standardisation none;
  BatchReader reader(data, none, splitEvenly(data, statesAtOnce));
  while (const StateBatch* batch = reader.next()) {
    if (cancelled) throw TrainingCancelled();
    const int64_t bad = addStates(data, *batch, threads, sums);
    if (bad >= 0) refuse(*batch, bad);
  }
  if (!standardise) return none;

  for (const Trajectory& trajectory : data.trajectories()) {
    if (!trajectory.validation) sums.count += double(trajectory.count);
  }
  Standardisation measured;
  measured.mean.resize(D);
  double variance = 0;
  for (size_t d = 0; d < D; d++) {
    const double mean = sums.sum[d] / sums.count;
    measured.mean[d] = float(mean);
    variance += std::max(0.0, sums.squares[d] / sums.count - mean * mean) / D;
  }
  if (variance > 0) measured.scale = float(std::sqrt(variance));
  return measured;
}
