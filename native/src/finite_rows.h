// Which rows of a matrix on a device hold only finite numbers, without copying them from there: one number a row comes
// back.
#pragma once

#include <cstdint>

#include "graph_device.h"

class FiniteRows {
 public:
  // Throws DeviceFailure when the device lacks an operation or memory.
  FiniteRows(ggml_backend_dev_t device, int64_t columns);

  ggml_backend_dev_t device() const { return device_.device(); }

  // matrix (columns, any number of rows), float32, contiguous, on this device; finite (rows) becomes 0 or 1. A row
  // whose sum leaves float32's range counts as not finite, too. Throws DeviceFailure when the device fails.
  void check(ggml_tensor* matrix, uint8_t* finite);

 private:
  const GraphDevice device_;
  DeviceGraph graph_;
  ggml_tensor *rows_, *sums_;  // (columns, rowsAtOnce), (1, rowsAtOnce)
};
