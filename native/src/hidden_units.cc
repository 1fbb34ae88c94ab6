#include "hidden_units.h"

#include <cmath>

#include "lanes.h"
#if defined(X86_DISPATCH)
#include <immintrin.h>
#endif

namespace {

size_t advancePortable(size_t begin, size_t end, float a, const float* w, const float* Gs, const float* doubt, float* z,
                       float* weight, int* candidates) {
  size_t count = 0;
  for (size_t j = begin; j < end; j++) {  // without branches: a flip is rare and unpredictable
    const bool was = z[j] > 0;
    weight[j] += was ? a * w[j] : 0;
    z[j] += a * Gs[j];
    candidates[count] = int(2 * j + was);
    count += was != (z[j] > 0) || std::fabs(z[j]) < doubt[j];
  }
  return count;
}

#if defined(X86_DISPATCH)
// Appends the units of one vector whose bit is set in `flagged`.
template <class Mask>
KERNEL_BODY size_t append(size_t first, Mask flagged, Mask was, int* candidates, size_t count) {
  while (flagged != 0) {
    const int lane = __builtin_ctz(flagged);
    candidates[count++] = int(2 * (first + lane) + (was >> lane & 1));
    flagged &= flagged - 1;
  }
  return count;
}

TARGET_AVX2 size_t advanceAvx2(size_t begin, size_t end, float a, const float* w, const float* Gs, const float* doubt,
                               float* z, float* weight, int* candidates) {
  const __m256 step = _mm256_set1_ps(a), zero = _mm256_setzero_ps(), sign = _mm256_set1_ps(-0.0f);
  size_t count = 0, j = begin;
  for (; j + 8 <= end; j += 8) {
    const __m256 before = _mm256_loadu_ps(z + j);
    const __m256 was = _mm256_cmp_ps(before, zero, _CMP_GT_OQ);
    _mm256_storeu_ps(weight + j,
                     _mm256_fmadd_ps(_mm256_and_ps(was, step), _mm256_loadu_ps(w + j), _mm256_loadu_ps(weight + j)));
    const __m256 after = _mm256_fmadd_ps(step, _mm256_loadu_ps(Gs + j), before);
    _mm256_storeu_ps(z + j, after);
    const __m256 is = _mm256_cmp_ps(after, zero, _CMP_GT_OQ);
    const __m256 near = _mm256_cmp_ps(_mm256_andnot_ps(sign, after), _mm256_loadu_ps(doubt + j), _CMP_LT_OQ);
    const int flagged = _mm256_movemask_ps(_mm256_or_ps(_mm256_xor_ps(was, is), near));
    count = append<unsigned>(j, unsigned(flagged), unsigned(_mm256_movemask_ps(was)), candidates, count);
  }
  return count + advancePortable(j, end, a, w, Gs, doubt, z, weight, candidates + count);
}

TARGET_AVX512 size_t advanceAvx512(size_t begin, size_t end, float a, const float* w, const float* Gs,
                                   const float* doubt, float* z, float* weight, int* candidates) {
  const __m512 step = _mm512_set1_ps(a), zero = _mm512_setzero_ps();
  size_t count = 0, j = begin;
  for (; j + 16 <= end; j += 16) {
    const __m512 before = _mm512_loadu_ps(z + j), so = _mm512_loadu_ps(weight + j);
    const __mmask16 was = _mm512_cmp_ps_mask(before, zero, _CMP_GT_OQ);
    _mm512_storeu_ps(weight + j, _mm512_mask3_fmadd_ps(step, _mm512_loadu_ps(w + j), so, was));
    const __m512 after = _mm512_fmadd_ps(step, _mm512_loadu_ps(Gs + j), before);
    _mm512_storeu_ps(z + j, after);
    const __mmask16 is = _mm512_cmp_ps_mask(after, zero, _CMP_GT_OQ);
    const __mmask16 near = _mm512_cmp_ps_mask(_mm512_abs_ps(after), _mm512_loadu_ps(doubt + j), _CMP_LT_OQ);
    count = append<unsigned>(j, unsigned(__mmask16((was ^ is) | near)), unsigned(was), candidates, count);
  }
  return count + advancePortable(j, end, a, w, Gs, doubt, z, weight, candidates + count);
}
#endif

template <class Lanes>
KERNEL_BODY float activeDotBody(const float* z, const float* w, const float* x, size_t n) {
  constexpr size_t width = lanesWidth<Lanes>;
  Lanes sum[2] = {}, zs, ws, xs, zero = {};
  size_t i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {
    UNROLL for (size_t k = 0; k < 2; k++) {
      load(zs, z + i + k * width);
      load(ws, w + i + k * width);
      load(xs, x + i + k * width);
      sum[k] += zs > zero ? ws * xs : zero;
    }
  }
  float total = sumLanes<Lanes>(sum[0] + sum[1]);
  for (; i < n; i++) total += z[i] > 0 ? w[i] * x[i] : 0;
  return total;
}

float activeDotPortable(const float* z, const float* w, const float* x, size_t n) {
  return activeDotBody<Lanes4>(z, w, x, n);
}
#if defined(X86_DISPATCH)
TARGET_AVX2 float activeDotAvx2(const float* z, const float* w, const float* x, size_t n) {
  return activeDotBody<Lanes8>(z, w, x, n);
}
TARGET_AVX512 float activeDotAvx512(const float* z, const float* w, const float* x, size_t n) {
  return activeDotBody<Lanes16>(z, w, x, n);
}
#endif

}  // namespace

size_t advanceUnits(size_t begin, size_t end, float a, const float* w, const float* Gs, const float* doubt, float* z,
                    float* weight, int* candidates) {
  return WIDEST(advance)(begin, end, a, w, Gs, doubt, z, weight, candidates);
}

float activeDot(const float* z, const float* w, const float* x, size_t n) { return WIDEST(activeDot)(z, w, x, n); }
