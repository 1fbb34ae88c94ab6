// What is computed by ggml graphs runs on any of ggml's devices (CUDA, Vulkan, Metal, the processor): here are one
// device's backend, tensors that stay on it, and graphs. Shapes are ggml's: the extent that varies fastest first, so
// a matrix (columns, rows) holds one state's numbers per row.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "library.h"

struct GgmlDeleter {
  void operator()(ggml_context* context) const { library().ggml_free(context); }
  void operator()(ggml_backend* backend) const { library().ggml_backend_free(backend); }
  void operator()(ggml_backend_buffer* buffer) const { library().ggml_backend_buffer_free(buffer); }
  void operator()(ggml_gallocr* allocator) const { library().ggml_gallocr_free(allocator); }
};
template <typename T>
using GgmlPointer = std::unique_ptr<T, GgmlDeleter>;

// The device cannot be used, lacks an operation or memory, or failed; the message names it.
struct DeviceFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The device of this name ("CPU", "CUDA0", "Vulkan0"); throws DeviceFailure that lists those there are.
ggml_backend_dev_t deviceNamed(const std::string& name);

// The device whose memory holds an allocated tensor.
ggml_backend_dev_t deviceOf(const ggml_tensor* tensor);

// Whether the tensor's numbers are out of the processor's reach, so that a computation on the processor copies them.
bool onDevice(const ggml_tensor* tensor);

// Copies whole rows between two contiguous matrices of one type and row length, fromRows[i] to toRows[i]; rows that
// follow one another in both are one copy, and a copy within a device does not leave it.
void copyRows(ggml_tensor* from, const std::vector<int>& fromRows, ggml_tensor* to, const std::vector<int>& toRows);

// One device, ready to compute.
class GraphDevice {
 public:
  // Throws DeviceFailure when the device cannot be used.
  explicit GraphDevice(ggml_backend_dev_t device);

  ggml_backend_dev_t device() const { return device_; }
  ggml_backend_t backend() const { return backend_.get(); }
  std::string name() const { return library().ggml_backend_dev_name(device_); }

 private:
  ggml_backend_dev_t device_;
  GgmlPointer<ggml_backend> backend_;
};

// Tensors that stay on a device from one graph to the next. First all are added, then they are allocated together.
class DeviceTensors {
 public:
  explicit DeviceTensors(int most);
  ggml_tensor* add(ggml_type type, int64_t columns, int64_t rows = 1);
  // Throws DeviceFailure when the device's memory does not suffice.
  void allocate(const GraphDevice& device);

 private:
  GgmlPointer<ggml_context> context_;
  GgmlPointer<ggml_backend_buffer> buffer_;
};

// Writes all of a float32 or float16 tensor.
void upload(ggml_tensor* tensor, const std::vector<float>& numbers);
// Reads all of a float32 tensor.
std::vector<float> download(const ggml_tensor* tensor);

// A graph: nodes, then allocate, then compute as often as wanted. Inputs must be written before each computation:
// the memory of all but the outputs is used again within it.
class DeviceGraph {
 public:
  // `mostNodes` counts views and reshapes too.
  DeviceGraph(const GraphDevice& device, int mostNodes);

  ggml_tensor* input(ggml_type type, int64_t columns, int64_t rows);
  void output(ggml_tensor* node);
  // Puts a node and all it needs behind the nodes so far.
  void append(ggml_tensor* node);

  // The second operand of add, subtract, multiply and divide is repeated to the first one's shape.
  ggml_tensor* add(ggml_tensor* a, ggml_tensor* b) const { return library().ggml_add(context_.get(), a, b); }
  ggml_tensor* subtract(ggml_tensor* a, ggml_tensor* b) const { return library().ggml_sub(context_.get(), a, b); }
  ggml_tensor* multiply(ggml_tensor* a, ggml_tensor* b) const { return library().ggml_mul(context_.get(), a, b); }
  ggml_tensor* divide(ggml_tensor* a, ggml_tensor* b) const { return library().ggml_div(context_.get(), a, b); }
  ggml_tensor* scale(ggml_tensor* a, float by) const { return library().ggml_scale(context_.get(), a, by); }
  ggml_tensor* relu(ggml_tensor* a) const { return library().ggml_relu(context_.get(), a); }
  ggml_tensor* step(ggml_tensor* a) const { return library().ggml_step(context_.get(), a); }  // 1 where a > 0, else 0
  ggml_tensor* absolute(ggml_tensor* a) const { return library().ggml_abs(context_.get(), a); }
  ggml_tensor* squareRoot(ggml_tensor* a) const { return library().ggml_sqrt(context_.get(), a); }
  ggml_tensor* clamp(ggml_tensor* a, float least, float most) const;
  ggml_tensor* sumRows(ggml_tensor* a) const { return library().ggml_sum_rows(context_.get(), a); }  // (1, rows)
  ggml_tensor* sum(ggml_tensor* a) const { return library().ggml_sum(context_.get(), sumRows(a)); }  // (1)
  ggml_tensor* norms(ggml_tensor* a) const;                                                          // |row|, (1, rows)
  ggml_tensor* transposed(ggml_tensor* a) const;
  ggml_tensor* rowsOf(ggml_tensor* a, int64_t first, int64_t count) const;  // a view
  ggml_tensor* cast(ggml_tensor* a, ggml_type to) const { return library().ggml_cast(context_.get(), a, to); }
  ggml_tensor* reshape(ggml_tensor* a, int64_t columns, int64_t rows) const;
  ggml_tensor* copy(ggml_tensor* from, ggml_tensor* to) const { return library().ggml_cpy(context_.get(), from, to); }
  // Columns of a above those of b, (columns of a + columns of b, rows).
  ggml_tensor* besideEachOther(ggml_tensor* a, ggml_tensor* b) const;

  // x W^T for W (n, m) and x (n, rows): (m, rows). As a matrix product, for which devices may round W and x to
  // float16 (Vulkan, Metal) or to TF32's 10 bits (CUDA) before they multiply; sums are float32.
  ggml_tensor* product(ggml_tensor* W, ggml_tensor* x) const;
  // The same one row at a time, which every device computes in float32, W read anew for each row.
  ggml_tensor* exactProduct(ggml_tensor* W, ggml_tensor* x) const;

  ggml_context* context() const { return context_.get(); }

  // Throws DeviceFailure naming the operation that the device lacks, or when its memory does not suffice.
  void allocate();
  // Returns when done; throws DeviceFailure when the device fails.
  void compute() const;

 private:
  const GraphDevice& device_;
  GgmlPointer<ggml_context> context_;
  GgmlPointer<ggml_gallocr> allocator_;
  ggml_cgraph* graph_;
};
