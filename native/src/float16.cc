#include "float16.h"

#include <cstring>

#include "gemm.h"
#if defined(X86_DISPATCH)
#include <immintrin.h>
#endif

namespace {

float asFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

uint32_t asBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// Without branches, so that the compiler can vectorise the loops below.
inline float widen(uint16_t half) {
  const uint32_t magnitude = uint32_t(half & 0x7fff) << 13;
  // Moves the exponent from bias 15 to 127, and makes a normal number of a subnormal one.
  const uint32_t finite = asBits(asFloat(magnitude) * 0x1p112f);
  const uint32_t infinityOrNan = magnitude >= 0x0f800000 ? 0x7f800000 : 0;
  return asFloat(uint32_t(half & 0x8000) << 16 | finite | infinityOrNan);
}

inline uint16_t narrow(float value) {
  const uint32_t bits = asBits(value), unsignedBits = bits & 0x7fffffff;
  const uint32_t magnitude = unsignedBits < 0x47800000 ? unsignedBits : 0x47800000;  // 2^16 becomes infinity
  const uint32_t exponent = magnitude & 0x7f800000;
  const uint32_t floor = exponent > 0x38800000 ? exponent : 0x38800000;  // 2^-14; below it the spacing stays
  // Adding a power of two 13 binary places up makes the processor round to a half's 10 fraction bits.
  const uint32_t rounder = floor + (13u << 23);
  const uint32_t fraction = asBits(asFloat(magnitude) + asFloat(rounder)) - rounder;
  const uint32_t half = ((floor - 0x38800000) >> 13) + fraction;
  return uint16_t((bits >> 16 & 0x8000) | (unsignedBits > 0x7f800000 ? 0x7e00 : half));
}

void widenPortable(const unsigned char* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint16_t half;
    std::memcpy(&half, from + 2 * i, sizeof(half));
    to[i] = widen(half);
  }
}

void narrowPortable(const float* from, uint16_t* to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = narrow(from[i]);
}

#if defined(X86_DISPATCH)
TARGET_AVX2 void widenF16c(const unsigned char* from, float* to, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(from + 2 * i))));
  }
  widenPortable(from + 2 * i, to + i, count - i);
}

TARGET_AVX2 void narrowF16c(const float* from, uint16_t* to, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm_storeu_si128((__m128i*)(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  }
  narrowPortable(from + i, to + i, count - i);
}
#endif

}  // namespace

void float16ToFloat32(const void* from, float* to, size_t count) {
#if defined(X86_DISPATCH)
  if (instructionSet() != InstructionSet::portable) return widenF16c((const unsigned char*)from, to, count);
#endif
  widenPortable((const unsigned char*)from, to, count);
}

void float32ToFloat16(const float* from, uint16_t* to, size_t count) {
#if defined(X86_DISPATCH)
  if (instructionSet() != InstructionSet::portable) return narrowF16c(from, to, count);
#endif
  narrowPortable(from, to, count);
}

void bfloat16ToFloat32(const void* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint16_t upper;
    std::memcpy(&upper, (const unsigned char*)from + 2 * i, sizeof(upper));
    to[i] = asFloat(uint32_t(upper) << 16);
  }
}
