#pragma once

#include <vector>

// y = weight x + bias, weight (outputs, inputs) row-major, bias (outputs).
struct LinearLayer {
  int inputs = 0, outputs = 0;
  std::vector<float> weight, bias;
};
