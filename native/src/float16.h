// IEEE half precision, in which states are kept on disk, and bfloat16, in which others may be; little-endian.
#pragma once

#include <cstddef>
#include <cstdint>

// Exact. `from` may have any alignment.
void float16ToFloat32(const void* from, float* to, size_t count);

// Exact: a bfloat16 is the upper half of a float32. `from` may have any alignment.
void bfloat16ToFloat32(const void* from, float* to, size_t count);

// Rounds to nearest, ties to even; beyond 65504 becomes infinity.
void float32ToFloat16(const float* from, uint16_t* to, size_t count);
