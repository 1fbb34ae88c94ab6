// Sums of a few rows of a matrix: what a product costs when most of the other factor is zero.
#pragma once

#include <algorithm>
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
};

// y_r += s_r M over columns [begin, end), for s (rows, count), y (rows, stride), and a matrix M (count, any) that
// has addRows. A zero in s costs nothing.
template <class Matrix>
void addProducts(const Matrix& M, const float* s, size_t count, size_t rows, size_t begin, size_t end, float* y,
                 size_t stride) {
  constexpr size_t unitsAtOnce = 32;  // stay in the cache while every row takes its share of them
  Selection selected;
  for (size_t first = 0; first < count; first += unitsAtOnce) {
    const size_t last = std::min(first + unitsAtOnce, count);
    for (size_t r = 0; r < rows; r++) {
      selected.index.resize(unitsAtOnce);
      selected.scale.resize(unitsAtOnce);
      size_t found = 0;
      for (size_t j = first; j < last; j++) {  // without branches: which are zero is unpredictable
        selected.index[found] = int(j);
        selected.scale[found] = s[r * count + j];
        found += s[r * count + j] != 0;
      }
      selected.index.resize(found);
      selected.scale.resize(found);
      M.addRows(selected, begin, end, y + r * stride);
    }
  }
}
