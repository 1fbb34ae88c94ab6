// Vectors of 4, 8 and 16 floats as the compiler's own type: it lowers + and * to the target function's registers
// (SSE, NEON, AVX2, AVX-512). MSVC has no such type and gets single floats in the same code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gemm.h"

#if defined(__GNUC__)
typedef float Lanes4 __attribute__((vector_size(16)));
typedef float Lanes8 __attribute__((vector_size(32)));
typedef float Lanes16 __attribute__((vector_size(64)));
typedef int16_t Shorts4 __attribute__((vector_size(8)));
typedef int16_t Shorts8 __attribute__((vector_size(16)));
typedef int16_t Shorts16 __attribute__((vector_size(32)));
#define UNROLL _Pragma("GCC unroll 16")
#else
typedef float Lanes4;
typedef int16_t Shorts4;
#define UNROLL
#endif

// Of namePortable, nameAvx2 and nameAvx512 the one for the widest instructions that this processor has.
#if defined(X86_DISPATCH)
#define WIDEST(name)                                         \
  (instructionSet() == InstructionSet::avx512 ? name##Avx512 \
   : instructionSet() == InstructionSet::avx2 ? name##Avx2   \
                                              : name##Portable)
#else
#define WIDEST(name) (name##Portable)
#endif

template <class Lanes>
constexpr size_t lanesWidth = sizeof(Lanes) / sizeof(float);

// Unaligned load and store; by reference, as the calling convention of a vector depends on the target.
template <class Lanes>
KERNEL_BODY void load(Lanes& lanes, const float* from) {
  std::memcpy(&lanes, from, sizeof(Lanes));
}
template <class Lanes>
KERNEL_BODY void store(float* to, const Lanes& lanes) {
  std::memcpy(to, &lanes, sizeof(Lanes));
}

// As many 16-bit integers as there are lanes, as floats.
template <class Shorts, class Lanes>
KERNEL_BODY void loadShorts(Lanes& lanes, const int16_t* from) {
  Shorts shorts;
  std::memcpy(&shorts, from, sizeof(Shorts));
#if defined(__GNUC__)
  lanes = __builtin_convertvector(shorts, Lanes);
#else
  lanes = float(shorts);
#endif
}

// Pairwise sum of the lanes.
template <class Lanes>
KERNEL_BODY float sumLanes(const Lanes& sum) {
  float lanes[lanesWidth<Lanes>];
  store(lanes, sum);
  for (size_t half = lanesWidth<Lanes> / 2; half > 0; half /= 2) {
    for (size_t k = 0; k < half; k++) lanes[k] += lanes[k + half];
  }
  return lanes[0];
}
