// The inner loops over the hidden units of one layer: their pre-activations z while a state ascends.
#pragma once

#include <cstddef>

// One update of units [begin, end), which are active where z > 0:
//   weight += a w where active, then z += a Gs.
// Writes to `candidates` (room for end - begin) the units that may have flipped, ascending, each as
// 2 unit + (was active): those that did, and those with |z| < doubt now. Returns their number.
size_t advanceUnits(size_t begin, size_t end, float a, const float* w, const float* Gs, const float* doubt, float* z,
                    float* weight, int* candidates);

// The sum over i < n with z > 0 of w[i] * x[i].
float activeDot(const float* z, const float* w, const float* x, size_t n);
