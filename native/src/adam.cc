#include "adam.h"

#include <cmath>

#include "gemm.h"

namespace {

// One Adam step: `rate` is the learning rate over 1 - beta1^t, `correction` 1 / sqrt(1 - beta2^t).
KERNEL_BODY void adamBody(TrainedTensor& tensor, size_t begin, size_t end, float rate, float correction) {
  float* __restrict value = tensor.value.data();
  const float* __restrict gradient = tensor.gradient.data();
  float* __restrict first = tensor.firstMoment.data();
  float* __restrict second = tensor.secondMoment.data();
  for (size_t i = begin; i < end; i++) {
    const float g = gradient[i];
    first[i] += 0.1f * (g - first[i]);                  // beta1 = 0.9
    second[i] = 0.999f * second[i] + 0.001f * (g * g);  // beta2 = 0.999
    value[i] -= rate * first[i] / (std::sqrt(second[i]) * correction + 1e-8f);
  }
}

using Adam = void (*)(TrainedTensor&, size_t, size_t, float, float);
void adamPortable(TrainedTensor& t, size_t begin, size_t end, float rate, float c) { adamBody(t, begin, end, rate, c); }
#if defined(X86_DISPATCH)
TARGET_AVX2 void adamAvx2(TrainedTensor& t, size_t begin, size_t end, float rate, float c) {
  adamBody(t, begin, end, rate, c);
}
#endif

Adam chooseAdam() {
#if defined(X86_DISPATCH)
  if (instructionSet() != InstructionSet::portable) return adamAvx2;
#endif
  return adamPortable;
}

}  // namespace

void adamStep(TrainedTensor& tensor, double learningRate, int64_t step, int threads) {
  static const Adam adam = chooseAdam();
  const float rate = float(learningRate / (1 - std::pow(0.9, double(step))));
  const float correction = float(1 / std::sqrt(1 - std::pow(0.999, double(step))));
  parallelRanges(threads, tensor.value.size(), worthAThread,
                 [&](size_t begin, size_t end) { adam(tensor, begin, end, rate, correction); });
}
