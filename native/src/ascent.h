// How a state h is edited along the gradient of a value function V, in units of the raw state.
#pragma once

#include <limits>

// One update is h += a dV/dh with
//   a = stepSize                      without a target: gradient ascent (RE-Control, section 4.3)
//   a = 2 stepSize (target - V(h))    with one: descent on (V(h) - target)^2 (Pre-Control, arXiv:2510.12121);
//                                     before each update, a row with |V(h) - target| <= tolerance stops.
// After each update an edit Delta h longer than maxEdit |h| is scaled back to that length, h being the state
// before any edit (projected gradient ascent).
struct Ascent {
  float stepSize = 0;
  int updates = 0;
  float target = std::numeric_limits<float>::quiet_NaN();  // NaN: none
  float tolerance = 0;                                     // in units of V
  float maxEdit = std::numeric_limits<float>::infinity();  // trust region, a fraction of |h|
};

// What an ascent did to each of its rows; every array has one number a row. A state that is not finite has no finite
// value, and a row whose ascent leaves the finite numbers (a value or the edit does) keeps its state.
struct AscentReport {
  float* valueBefore;
  float* valueAfter;
  float* edit;  // |Delta h| / |h|
};
