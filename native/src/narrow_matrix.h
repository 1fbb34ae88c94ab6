// A matrix of 16-bit integers with a scale for each row: row j is scale[j] times its integers. A product with it is
// bound by the memory, so it takes half the time of one in float32. Rounding errs by at most scale[j] / 2 a number:
// for a row of normal numbers by 3e-5 of their standard deviation, where float16 of the same size errs by 3e-4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "selection.h"

class NarrowMatrix {
 public:
  NarrowMatrix() = default;
  // values (rows, columns), row-major, finite
  NarrowMatrix(const float* values, size_t rows, size_t columns);

  size_t columns() const { return columns_; }
  // What a product with row j may be wrong by, a unit of the other vector's length: one standard deviation.
  float roundingError(size_t j) const { return scale_[j] * 0.2887f; }  // uniform rounding: scale / sqrt(12)

  // What each number of s M, s (rows), may be wrong by: one standard deviation.
  float roundingOfProduct(const float* s) const;

  // out[r * outStride + j] = row j . x_r for rows j in [begin, end); x (count, columns). Each sum has one order,
  // whatever the ranges and `count` are.
  void multiply(size_t begin, size_t end, const float* x, size_t count, float* out, size_t outStride) const;

  // y[c] += the sum of the selected rows, scaled, over columns c in [begin, end).
  void addRows(const Selection& selected, size_t begin, size_t end, float* y) const;

  // As WideMatrix::addProducts.
  void addProducts(const float* s, size_t count, size_t rows, size_t begin, size_t end, float* y, size_t stride) const;

 private:
  size_t columns_ = 0;
  std::vector<int16_t> value_;
  std::vector<float> scale_;
};
