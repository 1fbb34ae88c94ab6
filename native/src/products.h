// y += s M for a few rows s and a large matrix M that is read once: shared by WideMatrix and NarrowMatrix.
#pragma once

#include <algorithm>
#include <cstddef>

#include "lanes.h"
#include "selection.h"

// Rows of M that are taken together: they stay in the first-level cache while every s takes its share of them.
constexpr size_t depthAtOnce = 32;
// From so many rows of s on, a dense product with each number of M converted once is faster than skipping zeros.
constexpr size_t fewestDense = 4;

// `load` of one vector of M, whatever its numbers are.
struct LoadFloats {
  using Number = float;
  static constexpr bool comesFromMemory = false;  // its matrix is read many times in a row
  template <class Lanes>
  static KERNEL_BODY void load(Lanes& lanes, const float* from) {
    ::load(lanes, from);
  }
};
template <class Shorts>
struct LoadShorts {
  using Number = int16_t;
  static constexpr bool comesFromMemory = true;  // it is read once a token, and the model's weights in between
  template <class Lanes>
  static KERNEL_BODY void load(Lanes& lanes, const int16_t* from) {
    loadShorts<Shorts>(lanes, from);
  }
};

template <class Load>
constexpr size_t lineNumbers = 64 / sizeof(typename Load::Number);  // of a cache line

// Asks the second-level cache for what comes next: short rows end before the processor has noticed that they are read
// in order.
KERNEL_BODY void prefetch(const void* at) {
#if defined(__GNUC__)
  __builtin_prefetch(at, 0, 2);
#endif
}

// y[c] += the sum of scale[k] * row[k][c] over k < Count, in this order. `next` (Count) is read after these.
template <class Lanes, class Load, int Count>
KERNEL_BODY void addBody(const typename Load::Number* const row[], const typename Load::Number* const next[],
                         const float scale[], size_t begin, size_t end, float* y) {
  constexpr size_t width = lanesWidth<Lanes>;
  Lanes to, from;
  size_t c = begin;
  for (; c + width <= end; c += width) {
    if (Load::comesFromMemory && c % lineNumbers<Load> < width) {
      for (int k = 0; k < Count; k++) prefetch(next[k] + c);
    }
    load(to, y + c);
    UNROLL for (int k = 0; k < Count; k++) {
      Load::load(from, row[k] + c);
      to += from * scale[k];
    }
    store(y + c, to);
  }
  for (; c < end; c++) {
    for (int k = 0; k < Count; k++) y[c] += float(row[k][c]) * scale[k];
  }
}

// Eight, four and one row at once.
constexpr size_t addedAtOnce = 8;
template <class Number>
struct AddRows {
  using Add = void (*)(const Number* const*, const Number* const*, const float*, size_t, size_t, float*);
  Add eight, four, one;
};

// y[c] += the sum of the selected rows of M, scaled, `scaleOf(j)` being row j's own scale.
template <class Number, class ScaleOf>
void walkRows(const Selection& selected, const Number* M, size_t columns, const AddRows<Number>& add,
              const ScaleOf& scaleOf, size_t begin, size_t end, float* y) {
  const size_t size = selected.size();
  const auto rowAt = [&](size_t i) { return M + selected.index[std::min(i, size - 1)] * columns; };
  for (size_t i = 0; i < size;) {
    const Number *row[addedAtOnce], *next[addedAtOnce];
    float scale[addedAtOnce];
    const size_t left = size - i, count = left >= addedAtOnce ? addedAtOnce : left >= 4 ? 4 : 1;
    for (size_t k = 0; k < count; k++, i++) {
      row[k] = rowAt(i);
      next[k] = rowAt(i + count);
      scale[k] = selected.scale[i] * scaleOf(selected.index[i]);
    }
    (count == 1 ? add.one : count == 4 ? add.four : add.eight)(row, next, scale, begin, end, y);
  }
}

// y (Rows, stride) += s M over Vectors * lanes columns, for s (depth, Rows) packed and M (depth, stride).
template <class Lanes, class Load, int Rows, int Vectors>
KERNEL_BODY void productTile(const typename Load::Number* M, size_t strideM, size_t depth, const float* s, float* y,
                             size_t strideY) {
  constexpr size_t width = lanesWidth<Lanes>;
  Lanes sum[Rows][Vectors], column[Vectors];
  UNROLL for (int r = 0; r < Rows; r++) {
    UNROLL for (int v = 0; v < Vectors; v++) load(sum[r][v], y + r * strideY + v * width);
  }
  for (size_t j = 0; j < depth; j++) {
    UNROLL for (int v = 0; v < Vectors; v++) Load::load(column[v], M + j * strideM + v * width);
    prefetch(M + j * strideM + 4 * Vectors * width);
    UNROLL for (int r = 0; r < Rows; r++) {
      UNROLL for (int v = 0; v < Vectors; v++) sum[r][v] += column[v] * s[j * Rows + r];
    }
  }
  UNROLL for (int r = 0; r < Rows; r++) {
    UNROLL for (int v = 0; v < Vectors; v++) store(y + r * strideY + v * width, sum[r][v]);
  }
}

// The tile over all columns [begin, end) of one block of rows of M.
template <class Lanes, class Load, int Rows, int Vectors>
KERNEL_BODY void productBlock(const typename Load::Number* M, size_t strideM, size_t depth, const float* s,
                              size_t begin, size_t end, float* y, size_t strideY) {
  constexpr size_t columns = Vectors * lanesWidth<Lanes>;
  size_t c = begin;
  for (; c + columns <= end; c += columns) {
    productTile<Lanes, Load, Rows, Vectors>(M + c, strideM, depth, s, y + c, strideY);
  }
  for (; c < end; c++) {
    for (int r = 0; r < Rows; r++) {
      float sum = y[r * strideY + c];
      for (size_t j = 0; j < depth; j++) sum += float(M[j * strideM + c]) * s[j * Rows + r];
      y[r * strideY + c] = sum;
    }
  }
}

constexpr int tileRows = 4;
template <class Number>
using ProductBlock = void (*)(const Number*, size_t, size_t, const float*, size_t, size_t, float*, size_t);

// The walk over M. `scaleOf(j)` multiplies row j of M, `block` is a productBlock of tileRows rows.
template <class Matrix, class Number, class ScaleOf>
void walkProducts(const Matrix& matrix, const Number* M, size_t columns, ProductBlock<Number> block,
                  const ScaleOf& scaleOf, const float* s, size_t count, size_t rows, size_t begin, size_t end, float* y,
                  size_t stride) {
  Selection selected;
  float packed[depthAtOnce * tileRows];
  // a single row shares nothing, and is added up in one go
  const size_t atOnce = rows == 1 ? count : depthAtOnce;
  for (size_t first = 0; first < count; first += atOnce) {
    const size_t depth = std::min(atOnce, count - first);
    size_t r = 0;
    for (; rows >= fewestDense && r + tileRows <= rows; r += tileRows) {
      for (size_t j = 0; j < depth; j++) {
        for (size_t k = 0; k < tileRows; k++) {
          packed[j * tileRows + k] = s[(r + k) * count + first + j] * scaleOf(first + j);
        }
      }
      block(M + first * columns, columns, depth, packed, begin, end, y + r * stride, stride);
    }
    for (; r < rows; r++) {
      selected.index.resize(depth + 1);  // one more is written and not counted
      selected.scale.resize(depth + 1);
      size_t found = 0;
      for (size_t j = first; j < first + depth; j++) {  // without branches: which are zero is unpredictable
        selected.index[found] = int(j);
        selected.scale[found] = s[r * count + j];
        found += s[r * count + j] != 0;
      }
      selected.index.resize(found);
      selected.scale.resize(found);
      matrix.addRows(selected, begin, end, y + r * stride);
    }
  }
}
