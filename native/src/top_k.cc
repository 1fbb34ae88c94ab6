#include "top_k.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace {

// So many are looked at together: the compiler makes a few vector instructions of them.
constexpr int BLOCK = 64;

bool anyAbove(const float* numbers, int count, float bound) {
  int found = 0;
  for (int i = 0; i < count; i++) found |= numbers[i] > bound;
  return found != 0;
}

}  // namespace

int firstLargest(const float* numbers, int count) {
  float largest = numbers[0];
  int block = 0;
  for (int first = 0; first < count; first += BLOCK) {
    float own = numbers[first];
    for (int i = first; i < std::min(first + BLOCK, count); i++) own = numbers[i] > own ? numbers[i] : own;
    if (own > largest) {
      largest = own;
      block = first;
    }
  }
  return static_cast<int>(std::find(numbers + block, numbers + count, largest) - numbers);
}

bool hasNanOrInfinity(const float* numbers, int count) {
  int found = 0;
  for (int i = 0; i < count; i++) found |= !(numbers[i] <= std::numeric_limits<float>::max());
  return found != 0;
}

bool largestInOrder(const float* numbers, int count, int k, std::vector<int>& indices) {
  // A heap of the k largest so far with the smallest of them on top; one more tells whether the k-th has an equal.
  const auto larger = [&](int a, int b) { return numbers[a] > numbers[b]; };
  const int kept = std::min(k + 1, count);
  indices.resize(kept);
  for (int i = 0; i < kept; i++) indices[i] = i;
  std::make_heap(indices.begin(), indices.end(), larger);
  for (int first = kept; first < count; first += BLOCK) {
    const int end = std::min(first + BLOCK, count);
    if (!anyAbove(numbers + first, end - first, numbers[indices.front()])) continue;
    for (int i = first; i < end; i++) {
      if (!larger(i, indices.front())) continue;
      std::pop_heap(indices.begin(), indices.end(), larger);
      indices.back() = i;
      std::push_heap(indices.begin(), indices.end(), larger);
    }
  }
  std::sort_heap(indices.begin(), indices.end(), larger);
  for (int i = 1; i < kept; i++) {
    if (numbers[indices[i - 1]] == numbers[indices[i]]) return false;
  }
  indices.resize(k);
  return true;
}
