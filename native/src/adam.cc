#include "adam.h"

#include <algorithm>
#include <cmath>

#include "gemm.h"

namespace {

struct Coefficients {
  float rate;        // learning rate over 1 - beta1^t
  float correction;  // 1 / sqrt(1 - beta2^t)
  float kept;        // 1 - learning rate * weight decay
  float gradientScale;
};

// The compiler vectorises this only where sqrt need not set errno (-fno-math-errno), which makes it four times faster.
KERNEL_BODY void adamBody(TrainedTensor& tensor, size_t begin, size_t end, const Coefficients& by) {
  float* __restrict value = tensor.value.data();
  const float* __restrict gradient = tensor.gradient.data();
  float* __restrict first = tensor.firstMoment.data();
  float* __restrict second = tensor.secondMoment.data();
  const float rate = by.rate, correction = by.correction, kept = by.kept, gradientScale = by.gradientScale;
  for (size_t i = begin; i < end; i++) {
    const float g = gradient[i] * gradientScale;
    first[i] += 0.1f * (g - first[i]);                  // beta1 = 0.9
    second[i] = 0.999f * second[i] + 0.001f * (g * g);  // beta2 = 0.999
    value[i] = value[i] * kept - rate * first[i] / (std::sqrt(second[i]) * correction + 1e-8f);
  }
}

using Adam = void (*)(TrainedTensor&, size_t, size_t, const Coefficients&);
void adamPortable(TrainedTensor& t, size_t begin, size_t end, const Coefficients& by) { adamBody(t, begin, end, by); }
#if defined(X86_DISPATCH)
TARGET_AVX2 void adamAvx2(TrainedTensor& t, size_t begin, size_t end, const Coefficients& by) {
  adamBody(t, begin, end, by);
}
#endif

Adam chooseAdam() {
#if defined(X86_DISPATCH)
  if (instructionSet() != InstructionSet::portable) return adamAvx2;
#endif
  return adamPortable;
}

}  // namespace

void adamStep(TrainedTensor& tensor, const AdamStep& step, int threads) {
  static const Adam adam = chooseAdam();
  const Coefficients by = {float(step.learningRate / (1 - std::pow(0.9, double(step.number)))),
                           float(1 / std::sqrt(1 - std::pow(0.999, double(step.number)))),
                           float(1 - step.learningRate * step.weightDecay), float(step.gradientScale)};
  parallelRanges(threads, tensor.value.size(), worthAThread,
                 [&](size_t begin, size_t end) { adam(tensor, begin, end, by); });
}

double squaredNorm(const std::vector<float>& gradient, int threads) {
  const size_t size = gradient.size(), blocks = (size + worthAThread - 1) / worthAThread;
  std::vector<double> sums(blocks);
  parallelRanges(threads, size, worthAThread, [&](size_t begin, size_t end) {
    for (size_t from = begin; from < end; from += worthAThread) {
      const float* block = gradient.data() + from;
      sums[from / worthAThread] = dot(block, block, std::min(worthAThread, end - from));
    }
  });
  double sum = 0;
  for (const double of : sums) sum += of;
  return sum;
}
