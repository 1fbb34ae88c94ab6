#include "selection.h"

#include "products.h"

namespace {

struct Kernels {
  AddRows<float> add;
  ProductBlock<float> block;
};

#define WIDE_KERNELS(target, name, Lanes)                                                                         \
  template <int Count>                                                                                            \
  target void add##name(const float* const* row, const float* const* next, const float* scale, size_t begin,      \
                        size_t end, float* y) {                                                                   \
    addBody<Lanes, LoadFloats, Count>(row, next, scale, begin, end, y);                                           \
  }                                                                                                               \
  target void block##name(const float* M, size_t strideM, size_t depth, const float* s, size_t begin, size_t end, \
                          float* y, size_t strideY) {                                                             \
    productBlock<Lanes, LoadFloats, tileRows, 2>(M, strideM, depth, s, begin, end, y, strideY);                   \
  }                                                                                                               \
  constexpr Kernels kernels##name = {{add##name<addedAtOnce>, add##name<4>, add##name<1>}, block##name};

WIDE_KERNELS(, Portable, Lanes4)
#if defined(X86_DISPATCH)
WIDE_KERNELS(TARGET_AVX2, Avx2, Lanes8)
WIDE_KERNELS(TARGET_AVX512, Avx512, Lanes16)
#endif
#undef WIDE_KERNELS

const Kernels& kernels() {
  static const Kernels& chosen = WIDEST(kernels);
  return chosen;
}

float unscaled(size_t) { return 1; }

}  // namespace

void WideMatrix::addRows(const Selection& selected, size_t begin, size_t end, float* y) const {
  walkRows(selected, value, columns, kernels().add, unscaled, begin, end, y);
}

void WideMatrix::addProducts(const float* s, size_t count, size_t rows, size_t begin, size_t end, float* y,
                             size_t stride) const {
  walkProducts(*this, value, columns, kernels().block, unscaled, s, count, rows, begin, end, y, stride);
}
