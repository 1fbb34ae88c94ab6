#include "gemm.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "lanes.h"

namespace {

template <class Lanes>
KERNEL_BODY float dotBody(const float* a, const float* b, size_t n) {
  // Four independent sums hide the latency of the multiply-add.
  constexpr size_t width = sizeof(Lanes) / sizeof(float);
  Lanes sum[4] = {}, x, y;
  size_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width) {
    UNROLL for (size_t k = 0; k < 4; k++) {
      load(x, a + i + k * width);
      load(y, b + i + k * width);
      sum[k] += x * y;
    }
  }
  float result = sumLanes<Lanes>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (; i < n; i++) result += a[i] * b[i];
  return result;
}

template <class Lanes>
KERNEL_BODY void dot4Body(const float* const a[4], const float* b, size_t n, float out[4]) {
  constexpr size_t width = sizeof(Lanes) / sizeof(float);
  Lanes sum[4][2] = {}, x, y[2];
  size_t i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {
    load(y[0], b + i);
    load(y[1], b + i + width);
    UNROLL for (size_t k = 0; k < 4; k++) {
      load(x, a[k] + i);
      sum[k][0] += x * y[0];
      load(x, a[k] + i + width);
      sum[k][1] += x * y[1];
    }
  }
  for (size_t k = 0; k < 4; k++) {
    out[k] = sumLanes<Lanes>(sum[k][0] + sum[k][1]);
    for (size_t tail = i; tail < n; tail++) out[k] += a[k][tail] * b[tail];
  }
}

template <class Lanes>
KERNEL_BODY void axpyBody(float* y, float scale, const float* x, size_t n) {
  constexpr size_t width = sizeof(Lanes) / sizeof(float);
  Lanes from, to;
  size_t i = 0;
  for (; i + width <= n; i += width) {
    load(from, x + i);
    load(to, y + i);
    to += from * scale;
    store(y + i, to);
  }
  for (; i < n; i++) y[i] += scale * x[i];
}

// c (Rows, Vectors * lanes) = or, with `accumulate`, += a b for packed panels a (depth, Rows) and
// b (depth, Vectors * lanes). All sums stay in registers over the whole depth.
template <class Lanes, int Rows, int Vectors>
KERNEL_BODY void tileBody(int depth, const float* a, const float* b, float* c, size_t ldc, bool accumulate) {
  constexpr int width = sizeof(Lanes) / sizeof(float);
  Lanes sum[Rows][Vectors] = {};
  for (int k = 0; k < depth; k++) {
    Lanes column[Vectors];
    UNROLL for (int v = 0; v < Vectors; v++) load(column[v], b + v * width);
    UNROLL for (int i = 0; i < Rows; i++) { UNROLL for (int v = 0; v < Vectors; v++) sum[i][v] += column[v] * a[i]; }
    a += Rows;
    b += Vectors * width;
  }
  UNROLL for (int i = 0; i < Rows; i++) {
    UNROLL for (int v = 0; v < Vectors; v++) {
      Lanes lanes = {};
      if (accumulate) load(lanes, c + i * ldc + v * width);
      lanes += sum[i][v];
      store(c + i * ldc + v * width, lanes);
    }
  }
}

// One tile shape per instruction set, as many sums as its registers hold: 16 registers for SSE and
// AVX2, 32 for AVX-512 and NEON.
struct Kernels {
  float (*dot)(const float*, const float*, size_t);
  void (*dot4)(const float* const*, const float*, size_t, float*);
  void (*axpy)(float*, float, const float*, size_t);
  void (*tile)(int, const float*, const float*, float*, size_t, bool);
  int tileRows, tileColumns;
};

float dotPortable(const float* a, const float* b, size_t n) { return dotBody<Lanes4>(a, b, n); }
void dot4Portable(const float* const* a, const float* b, size_t n, float* out) { dot4Body<Lanes4>(a, b, n, out); }
void axpyPortable(float* y, float s, const float* x, size_t n) { axpyBody<Lanes4>(y, s, x, n); }
#if defined(__aarch64__)
constexpr int portableRows = 6, portableVectors = 4;
#else
constexpr int portableRows = 6, portableVectors = 2;
#endif
void tilePortable(int depth, const float* a, const float* b, float* c, size_t ldc, bool add) {
  tileBody<Lanes4, portableRows, portableVectors>(depth, a, b, c, ldc, add);
}
constexpr Kernels portableKernels = {dotPortable,  dot4Portable, axpyPortable,
                                     tilePortable, portableRows, portableVectors* int(sizeof(Lanes4) / sizeof(float))};

#if defined(X86_DISPATCH)
TARGET_AVX2 float dotAvx2(const float* a, const float* b, size_t n) { return dotBody<Lanes8>(a, b, n); }
TARGET_AVX2 void dot4Avx2(const float* const* a, const float* b, size_t n, float* out) {
  dot4Body<Lanes8>(a, b, n, out);
}
TARGET_AVX2 void axpyAvx2(float* y, float s, const float* x, size_t n) { axpyBody<Lanes8>(y, s, x, n); }
TARGET_AVX2 void tileAvx2(int depth, const float* a, const float* b, float* c, size_t ldc, bool add) {
  tileBody<Lanes8, 6, 2>(depth, a, b, c, ldc, add);
}
constexpr Kernels avx2Kernels = {dotAvx2, dot4Avx2, axpyAvx2, tileAvx2, 6, 16};

TARGET_AVX512 float dotAvx512(const float* a, const float* b, size_t n) { return dotBody<Lanes16>(a, b, n); }
TARGET_AVX512 void dot4Avx512(const float* const* a, const float* b, size_t n, float* out) {
  dot4Body<Lanes16>(a, b, n, out);
}
TARGET_AVX512 void axpyAvx512(float* y, float s, const float* x, size_t n) { axpyBody<Lanes16>(y, s, x, n); }
TARGET_AVX512 void tileAvx512(int depth, const float* a, const float* b, float* c, size_t ldc, bool add) {
  tileBody<Lanes16, 14, 2>(depth, a, b, c, ldc, add);
}
constexpr Kernels avx512Kernels = {dotAvx512, dot4Avx512, axpyAvx512, tileAvx512, 14, 32};
#endif

InstructionSet detectInstructionSet() {
#if defined(X86_DISPATCH)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return InstructionSet::portable;
  return __builtin_cpu_supports("avx512f") ? InstructionSet::avx512 : InstructionSet::avx2;
#else
  return InstructionSet::portable;
#endif
}

const Kernels& chooseKernels() {
#if defined(X86_DISPATCH)
  if (instructionSet() == InstructionSet::avx512) return avx512Kernels;
  if (instructionSet() == InstructionSet::avx2) return avx2Kernels;
#endif
  return portableKernels;
}

const Kernels& kernels() {
  static const Kernels& chosen = chooseKernels();
  return chosen;
}

// Block sizes, measured. A block of A (blockRows, blockDepth) stays in the second-level cache, a block of
// B (blockDepth, blockColumns) in the third; both are multiples of every tile above.
constexpr int blockDepth = 512;
constexpr int blockRows = 168;
constexpr int blockColumns = 1024;
constexpr int largestTile = 14 * 32;
constexpr int cacheLine = 64 / sizeof(float);

// Copies `lanes` vectors of length `depth` into panels (ceil(lanes / width), depth, width), the last
// one filled up with zeros. Lane l at depth k is source[l * laneStride + k * depthStride].
void packPanels(const float* source, size_t laneStride, size_t depthStride, int lanes, int depth, int width,
                float* packed) {
  for (int first = 0; first < lanes; first += width, packed += size_t(depth) * width) {
    const int present = std::min(width, lanes - first);
    const float* panel = source + first * laneStride;
    if (present < width) std::fill(packed, packed + size_t(depth) * width, 0.0f);
    if (laneStride == 1) {
      for (int k = 0; k < depth; k++) std::memcpy(packed + k * width, panel + k * depthStride, present * sizeof(float));
    } else {
      // A cache line's worth of the depth at a time, so that what is written meanwhile stays in the first-level cache.
      for (int k0 = 0; k0 < depth; k0 += cacheLine) {
        const int end = std::min(k0 + cacheLine, depth);
        for (int l = 0; l < present; l++) {
          for (int k = k0; k < end; k++) packed[k * width + l] = panel[l * laneStride + k * depthStride];
        }
      }
    }
  }
}

struct Operand {
  const float* data;
  size_t laneStride;   // between rows of A, or between columns of B, as the product sees them
  size_t depthStride;  // along the sum
};

// C (rows, columns) = or, with `accumulate`, += A B by packed blocks, one thread.
void gemmBlock(int rows, int columns, int depth, Operand a, Operand b, float* c, size_t ldc, bool accumulate) {
  const Kernels& kernel = kernels();
  const int tileRows = kernel.tileRows, tileColumns = kernel.tileColumns;
  const auto roundUp = [](size_t n, size_t to) { return (n + to - 1) / to * to; };
  const size_t packedDepth = std::min(depth, blockDepth);
  const size_t sizeA = roundUp(std::min(rows, blockRows), tileRows) * packedDepth;
  const size_t sizeB = roundUp(std::min(columns, blockColumns), tileColumns) * packedDepth;
  // Panels begin on a cache line.
  std::unique_ptr<float[]> memory(new float[roundUp(sizeA, cacheLine) + sizeB + cacheLine]);
  float* packedA = (float*)roundUp((uintptr_t)memory.get(), 64);
  float* packedB = packedA + roundUp(sizeA, cacheLine);

  for (int n0 = 0; n0 < columns; n0 += blockColumns) {
    const int n = std::min(blockColumns, columns - n0);
    for (int k0 = 0; k0 < depth; k0 += blockDepth) {
      const int k = std::min(blockDepth, depth - k0);
      const bool add = accumulate || k0 > 0;
      packPanels(b.data + n0 * b.laneStride + k0 * b.depthStride, b.laneStride, b.depthStride, n, k, tileColumns,
                 packedB);
      for (int m0 = 0; m0 < rows; m0 += blockRows) {
        const int m = std::min(blockRows, rows - m0);
        packPanels(a.data + m0 * a.laneStride + k0 * a.depthStride, a.laneStride, a.depthStride, m, k, tileRows,
                   packedA);
        for (int j = 0; j < n; j += tileColumns) {
          for (int i = 0; i < m; i += tileRows) {
            const float* panelA = packedA + size_t(i) * k;
            const float* panelB = packedB + size_t(j) * k;
            float* corner = c + (m0 + i) * ldc + n0 + j;
            const int presentRows = std::min(tileRows, m - i), presentColumns = std::min(tileColumns, n - j);
            if (presentRows == tileRows && presentColumns == tileColumns) {
              kernel.tile(k, panelA, panelB, corner, ldc, add);
              continue;
            }
            float edge[largestTile];
            kernel.tile(k, panelA, panelB, edge, tileColumns, false);
            for (int r = 0; r < presentRows; r++) {
              for (int s = 0; s < presentColumns; s++) {
                const float product = edge[r * tileColumns + s];
                corner[r * ldc + s] = add ? corner[r * ldc + s] + product : product;
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace

InstructionSet instructionSet() {
  static const InstructionSet detected = detectInstructionSet();
  return detected;
}

float dot(const float* a, const float* b, size_t n) { return kernels().dot(a, b, n); }

void dot4(const float* const a[4], const float* b, size_t n, float out[4]) { kernels().dot4(a, b, n, out); }

void axpy(float* y, float scale, const float* x, size_t n) { kernels().axpy(y, scale, x, n); }

void parallelRanges(int threads, size_t count, size_t granule, const std::function<void(size_t, size_t)>& body) {
  const size_t granules = (count + granule - 1) / granule;
  const size_t ranges = std::max<size_t>(1, std::min<size_t>(std::max(threads, 1), granules));
  const auto boundary = [&](size_t range) { return std::min(count, granules * range / ranges * granule); };
  std::vector<std::exception_ptr> failures(ranges);
  const auto run = [&](size_t range) {
    try {
      body(boundary(range), boundary(range + 1));
    } catch (...) {
      failures[range] = std::current_exception();
    }
  };
  std::vector<std::thread> workers;
  workers.reserve(ranges - 1);
  size_t started = 1;
  try {
    for (; started < ranges; started++) workers.emplace_back(run, started);
  } catch (const std::system_error&) {
    // The system has no more threads to give: this one does the rest.
  }
  run(0);
  for (size_t range = started; range < ranges; range++) run(range);
  for (std::thread& worker : workers) worker.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

void gemm(GemmLayout layout, int M, int N, int K, const float* A, int lda, const float* B, int ldb, float* C, int ldc,
          bool accumulate, int threads) {
  if (K == 0 && !accumulate) {
    for (int i = 0; i < M; i++) std::fill_n(C + size_t(i) * ldc, N, 0.0f);
  }
  const Operand a = layout == GemmLayout::TN ? Operand{A, 1, size_t(lda)} : Operand{A, size_t(lda), 1};
  const Operand b = layout == GemmLayout::NT ? Operand{B, size_t(ldb), 1} : Operand{B, 1, size_t(ldb)};
  // Starting a thread costs some 30 us, the time of about two million multiply-adds.
  const int useful = double(M) * N * K < 4e6 ? 1 : threads;
  if (M > N) {
    parallelRanges(useful, M, kernels().tileRows, [&](size_t begin, size_t end) {
      gemmBlock(int(end - begin), N, K, {a.data + begin * a.laneStride, a.laneStride, a.depthStride}, b,
                C + begin * ldc, ldc, accumulate);
    });
  } else {
    parallelRanges(useful, N, kernels().tileColumns, [&](size_t begin, size_t end) {
      gemmBlock(M, int(end - begin), K, a, {b.data + begin * b.laneStride, b.laneStride, b.depthStride}, C + begin, ldc,
                accumulate);
    });
  }
}
