#include "narrow_matrix.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lanes.h"
#include "products.h"

namespace {

constexpr int unitsAtOnce = 4;  // rows of the matrix that share one pass over the vectors

// out[r][u] = w_u . x_r; each sum lies in one register and takes its terms in order.
template <class Lanes, class Shorts, int Rows>
KERNEL_BODY void dotsBody(const int16_t* w, size_t n, const float* x, float out[][unitsAtOnce]) {
  constexpr size_t width = lanesWidth<Lanes>;
  Lanes sum[Rows][unitsAtOnce] = {}, weight, state[Rows];
  size_t i = 0;
  for (; i + width <= n; i += width) {
    UNROLL for (int r = 0; r < Rows; r++) load(state[r], x + r * n + i);
    if (i % lineNumbers<LoadShorts<Shorts>> < width) {
      for (int u = 0; u < unitsAtOnce; u++) prefetch(w + (unitsAtOnce + u) * n + i);
    }
    UNROLL for (int u = 0; u < unitsAtOnce; u++) {
      loadShorts<Shorts>(weight, w + u * n + i);
      UNROLL for (int r = 0; r < Rows; r++) sum[r][u] += weight * state[r];
    }
  }
  for (int r = 0; r < Rows; r++) {
    for (int u = 0; u < unitsAtOnce; u++) {
      float total = sumLanes<Lanes>(sum[r][u]);
      for (size_t tail = i; tail < n; tail++) total += float(w[u * n + tail]) * x[r * n + tail];
      out[r][u] = total;
    }
  }
}

// `dots` takes rowsAtOnce vectors at once, as many sums as there are registers for.
struct Kernels {
  void (*dots)(const int16_t*, size_t, const float*, float[][unitsAtOnce]);
  void (*dotsOfOne)(const int16_t*, size_t, const float*, float[][unitsAtOnce]);
  AddRows<int16_t> add;
  ProductBlock<int16_t> block;
  size_t rowsAtOnce;
};
constexpr size_t mostRowsAtOnce = 4;

#define NARROW_KERNELS(target, name, Lanes, Shorts, rows)                                                           \
  target void dots##name(const int16_t* w, size_t n, const float* x, float out[][unitsAtOnce]) {                    \
    dotsBody<Lanes, Shorts, rows>(w, n, x, out);                                                                    \
  }                                                                                                                 \
  target void dotsOfOne##name(const int16_t* w, size_t n, const float* x, float out[][unitsAtOnce]) {               \
    dotsBody<Lanes, Shorts, 1>(w, n, x, out);                                                                       \
  }                                                                                                                 \
  template <int Count>                                                                                              \
  target void add##name(const int16_t* const* row, const int16_t* const* next, const float* scale, size_t begin,    \
                        size_t end, float* y) {                                                                     \
    addBody<Lanes, LoadShorts<Shorts>, Count>(row, next, scale, begin, end, y);                                     \
  }                                                                                                                 \
  target void block##name(const int16_t* M, size_t strideM, size_t depth, const float* s, size_t begin, size_t end, \
                          float* y, size_t strideY) {                                                               \
    productBlock<Lanes, LoadShorts<Shorts>, tileRows, 2>(M, strideM, depth, s, begin, end, y, strideY);             \
  }                                                                                                                 \
  constexpr Kernels kernels##name = {                                                                               \
      dots##name, dotsOfOne##name, {add##name<addedAtOnce>, add##name<4>, add##name<1>}, block##name, rows};

NARROW_KERNELS(, Portable, Lanes4, Shorts4, 2)
#if defined(X86_DISPATCH)
NARROW_KERNELS(TARGET_AVX2, Avx2, Lanes8, Shorts8, 2)
NARROW_KERNELS(TARGET_AVX512, Avx512, Lanes16, Shorts16, 4)
#endif
#undef NARROW_KERNELS

const Kernels& kernels() {
  static const Kernels& chosen = WIDEST(kernels);
  return chosen;
}

}  // namespace

NarrowMatrix::NarrowMatrix(const float* values, size_t rows, size_t columns)
    : columns_(columns), value_(rows * columns), scale_(rows) {
  for (size_t j = 0; j < rows; j++) {
    const float* row = values + j * columns;
    float largest = 0;
    for (size_t c = 0; c < columns; c++) largest = std::max(largest, std::fabs(row[c]));
    scale_[j] = largest / 32767;
    const double inverse = largest > 0 ? 32767 / double(largest) : 0;
    for (size_t c = 0; c < columns; c++) value_[j * columns + c] = int16_t(std::lrint(row[c] * inverse));
  }
}

float NarrowMatrix::roundingOfProduct(const float* s) const {
  float squares[8] = {};  // side by side, for the compiler's vectors
  size_t j = 0;
  for (; j + 8 <= scale_.size(); j += 8) {
    for (size_t k = 0; k < 8; k++) squares[k] += s[j + k] * s[j + k] * scale_[j + k] * scale_[j + k];
  }
  for (; j < scale_.size(); j++) squares[0] += s[j] * s[j] * scale_[j] * scale_[j];
  return 0.2887f * std::sqrt(std::accumulate(squares, squares + 8, 0.0f));
}

void NarrowMatrix::multiply(size_t begin, size_t end, const float* x, size_t count, float* out,
                            size_t outStride) const {
  const Kernels& kernel = kernels();
  const size_t n = columns_;
  std::vector<int16_t> padded;
  for (size_t j = begin; j < end; j += unitsAtOnce) {
    const size_t units = std::min<size_t>(unitsAtOnce, end - j);
    const int16_t* w = value_.data() + j * n;
    if (units < unitsAtOnce) {  // the last few, filled up with zeros
      padded.assign(unitsAtOnce * n, 0);
      std::copy(w, w + units * n, padded.begin());
      w = padded.data();
    }
    for (size_t r = 0; r < count;) {
      const size_t rows = count - r >= kernel.rowsAtOnce ? kernel.rowsAtOnce : 1;
      float dots[mostRowsAtOnce][unitsAtOnce];
      (rows == 1 ? kernel.dotsOfOne : kernel.dots)(w, n, x + r * n, dots);
      for (size_t k = 0; k < rows; k++, r++) {
        for (size_t u = 0; u < units; u++) out[r * outStride + j + u] = scale_[j + u] * dots[k][u];
      }
    }
  }
}

void NarrowMatrix::addRows(const Selection& selected, size_t begin, size_t end, float* y) const {
  const auto scaleOf = [this](size_t j) { return scale_[j]; };
  walkRows(selected, value_.data(), columns_, kernels().add, scaleOf, begin, end, y);
}

void NarrowMatrix::addProducts(const float* s, size_t count, size_t rows, size_t begin, size_t end, float* y,
                               size_t stride) const {
  const auto scaleOf = [this](size_t j) { return scale_[j]; };
  walkProducts(*this, value_.data(), columns_, kernels().block, scaleOf, s, count, rows, begin, end, y, stride);
}
