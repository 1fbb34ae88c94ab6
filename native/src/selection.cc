#include "selection.h"

#include "gemm.h"
#include "products.h"

namespace {

using Block = ProductBlock<float>;

#define WIDE_BLOCK(target, name, Lanes)                                                                           \
  target void block##name(const float* M, size_t strideM, size_t depth, const float* s, size_t begin, size_t end, \
                          float* y, size_t strideY) {                                                             \
    productBlock<Lanes, LoadFloats, tileRows, 2>(M, strideM, depth, s, begin, end, y, strideY);                   \
  }
WIDE_BLOCK(, Portable, Lanes4)
#if defined(X86_DISPATCH)
WIDE_BLOCK(TARGET_AVX2, Avx2, Lanes8)
WIDE_BLOCK(TARGET_AVX512, Avx512, Lanes16)
#endif
#undef WIDE_BLOCK

Block chooseBlock() {
#if defined(X86_DISPATCH)
  if (instructionSet() == InstructionSet::avx512) return blockAvx512;
  if (instructionSet() == InstructionSet::avx2) return blockAvx2;
#endif
  return blockPortable;
}

}  // namespace

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

void WideMatrix::addProducts(const float* s, size_t count, size_t rows, size_t begin, size_t end, float* y,
                             size_t stride) const {
  static const Block block = chooseBlock();
  const auto unscaled = [](size_t) { return 1.0f; };
  walkProducts(*this, value, columns, block, unscaled, s, count, rows, begin, end, y, stride);
}
