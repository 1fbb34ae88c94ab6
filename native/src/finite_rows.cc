#include "finite_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace {

constexpr int rowsAtOnce = 64;

std::vector<int> range(int first, int count) {
  std::vector<int> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

}  // namespace

// A NaN or an infinity in a row is one in its sum.
FiniteRows::FiniteRows(ggml_backend_dev_t device, int64_t columns)
    : device_(device), graph_(device_, 8), rows_(graph_.input(GGML_TYPE_F32, columns, rowsAtOnce)) {
  sums_ = graph_.sumRows(rows_);
  graph_.output(sums_);
  graph_.allocate();
}

void FiniteRows::check(ggml_tensor* matrix, uint8_t* finite) {
  const int rows = int(matrix->ne[1]);
  for (int first = 0; first < rows; first += rowsAtOnce) {
    const int count = std::min(rowsAtOnce, rows - first);
    copyRows(matrix, range(first, count), rows_, range(0, count));
    graph_.compute();
    const std::vector<float> sums = download(sums_);
    for (int r = 0; r < count; r++) finite[first + r] = std::isfinite(sums[r]);
  }
}
