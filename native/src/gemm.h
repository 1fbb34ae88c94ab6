// Dense float32 products, row-major: dot, axpy and the blocked matrix product. Each is compiled for
// several instruction sets and the widest one this processor has is chosen at run time.
#pragma once

#include <cstddef>
#include <functional>

#if defined(__GNUC__) && defined(__x86_64__)
#define X86_DISPATCH 1
#define TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#define TARGET_AVX512 __attribute__((target("avx512f,avx2,fma,f16c")))
#endif

// A loop body written once and compiled into each instruction set's own function.
#if defined(__GNUC__)
#define KERNEL_BODY inline __attribute__((always_inline))
#else
#define KERNEL_BODY inline
#endif

enum class InstructionSet { portable, avx2, avx512 };

// The widest set that processor and operating system support; avx2 stands for AVX2, FMA and F16C.
InstructionSet instructionSet();

// sum of a[i] * b[i] over i < n.
float dot(const float* a, const float* b, size_t n);

// out[k] = dot(a[k], b, n) for four vectors at once, which reads b once and streams better.
void dot4(const float* const a[4], const float* b, size_t n, float out[4]);

// y[i] += scale * x[i] over i < n.
void axpy(float* y, float scale, const float* x, size_t n);

// Numbers per thread below which starting one costs more than it saves.
constexpr size_t worthAThread = 1 << 15;

// Runs body(begin, end) on consecutive ranges that cover [0, count), one range per thread; all but the
// last begin and end on a multiple of `granule`. Returns when all are done; rethrows what a body threw.
void parallelRanges(int threads, size_t count, size_t granule, const std::function<void(size_t, size_t)>& body);

// Which operand is stored transposed. C is (M, N), the sum runs over K.
//   NN: A (M, K), B (K, N)    C = A B
//   NT: A (M, K), B (N, K)    C = A B^T
//   TN: A (K, M), B (K, N)    C = A^T B
enum class GemmLayout { NN, NT, TN };

// C = product, or C += product with `accumulate`. Leading dimensions are row strides in floats. Every
// element of C is summed in the same order whatever `threads` is, so the result does not depend on it.
void gemm(GemmLayout layout, int M, int N, int K, const float* A, int lda, const float* B, int ldb, float* C, int ldc,
          bool accumulate, int threads);
