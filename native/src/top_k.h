// The largest of many numbers: what a sampler needs of 32,000 logits before it draws.
#pragma once

#include <vector>

// Index of the first of the largest numbers. numbers (count), count at least 1.
int firstLargest(const float* numbers, int count);

// True when one of them is NaN or +infinity; -infinity is a token that must not come.
bool hasNanOrInfinity(const float* numbers, int count);

// The k largest, largest first, as indices; 1 <= k <= count, no NaN. False when two of the k, or the last of them and
// one that is left out, are equal: their order is then a matter of the algorithm, and the answer is no use.
bool largestInOrder(const float* numbers, int count, int k, std::vector<int>& indices);
