// Sums of a few rows of a matrix: what a product costs when most of the other factor is zero.
#pragma once

#include <cstddef>
#include <vector>

// Which rows of a matrix to add up, and how often each.
struct Selection {
  std::vector<int> index;
  std::vector<float> scale;

  void clear() {
    index.clear();
    scale.clear();
  }
  void add(size_t row, float by) {
    index.push_back(int(row));
    scale.push_back(by);
  }
  size_t size() const { return index.size(); }
};

// A matrix (any, columns) in float32, row-major.
struct WideMatrix {
  const float* value;
  size_t columns;

  // y[c] += the sum of the selected rows, scaled, over columns c in [begin, end).
  void addRows(const Selection& selected, size_t begin, size_t end, float* y) const;

  // y_r += s_r M over columns [begin, end), for s (rows, count) and y (rows, stride). Each sum has one order, whatever
  // `rows` is; zeros in s are skipped where that pays.
  void addProducts(const float* s, size_t count, size_t rows, size_t begin, size_t end, float* y, size_t stride) const;
};
