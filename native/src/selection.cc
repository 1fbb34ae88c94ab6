#include "selection.h"

#include "gemm.h"

void WideMatrix::addRows(const Selection& selected, size_t begin, size_t end, float* y) const {
  size_t i = 0;
  for (; i + 4 <= selected.size(); i += 4) {
    const float* rows[4];
    for (size_t k = 0; k < 4; k++) rows[k] = value + selected.index[i + k] * columns + begin;
    axpy4(y + begin, selected.scale.data() + i, rows, end - begin);
  }
  for (; i < selected.size(); i++) {
    axpy(y + begin, selected.scale[i], value + selected.index[i] * columns + begin, end - begin);
  }
}
