#include "graph_device.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <thread>

#include "float16.h"

namespace {

GgmlPointer<ggml_context> contextFor(size_t bytes) {
  ggml_context* context = library().ggml_init({bytes, nullptr, true});
  if (!context) throw DeviceFailure("no memory for the description of a graph");
  return GgmlPointer<ggml_context>(context);
}

ggml_backend_buffer_t bufferOf(const ggml_tensor* tensor) {
  ggml_backend_buffer_t buffer = tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
  if (!buffer) throw std::invalid_argument("the tensor is not allocated");
  return buffer;
}

}  // namespace

ggml_backend_dev_t deviceNamed(const std::string& name) {
  const Library& lib = library();
  std::string names;
  for (size_t i = 0; i < lib.ggml_backend_dev_count(); i++) {
    ggml_backend_dev_t device = lib.ggml_backend_dev_get(i);
    if (name == lib.ggml_backend_dev_name(device)) return device;
    names += (i ? ", " : "") + std::string(lib.ggml_backend_dev_name(device));
  }
  throw DeviceFailure("there is no device '" + name + "' here, only " + names);
}

ggml_backend_dev_t deviceOf(const ggml_tensor* tensor) {
  const Library& lib = library();
  return lib.ggml_backend_buft_get_device(lib.ggml_backend_buffer_get_type(bufferOf(tensor)));
}

bool onDevice(const ggml_tensor* tensor) { return !library().ggml_backend_buffer_is_host(bufferOf(tensor)); }

void copyRows(ggml_tensor* from, const std::vector<int>& fromRows, ggml_tensor* to, const std::vector<int>& toRows) {
  const Library& lib = library();
  const GgmlPointer<ggml_context> context = contextFor(2 * fromRows.size() * lib.ggml_tensor_overhead() + 1);
  const auto rowsOf = [&](ggml_tensor* tensor, int first, size_t count) {
    ggml_tensor* view = lib.ggml_view_2d(context.get(), tensor, tensor->ne[0], int64_t(count), tensor->nb[1],
                                         size_t(first) * tensor->nb[1]);
    lib.ggml_backend_view_init(view);
    return view;
  };
  for (size_t i = 0, count; i < fromRows.size(); i += count) {
    count = 1;
    while (i + count < fromRows.size() && fromRows[i + count] == fromRows[i] + int(count) &&
           toRows[i + count] == toRows[i] + int(count)) {
      count++;
    }
    lib.ggml_backend_tensor_copy(rowsOf(from, fromRows[i], count), rowsOf(to, toRows[i], count));
  }
}

GraphDevice::GraphDevice(ggml_backend_dev_t device)
    : device_(device), backend_(library().ggml_backend_dev_init(device, nullptr)) {
  const Library& lib = library();
  if (!backend_) {
    const std::string reason = takeLog();
    throw DeviceFailure("the device " + name() + " cannot be used" + (reason.empty() ? "" : ": " + reason));
  }
  if (lib.ggml_backend_dev_type(device) != GGML_BACKEND_DEVICE_TYPE_CPU) return;
  auto setThreads = reinterpret_cast<ggml_backend_set_n_threads_t>(
      lib.ggml_backend_reg_get_proc_address(lib.ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
  // ggml's threads spin: one core is left to the rest of the machine.
  if (setThreads) setThreads(backend(), std::max(1, int(std::thread::hardware_concurrency()) - 1));
}

DeviceTensors::DeviceTensors(int most) : context_(contextFor(most * library().ggml_tensor_overhead())) {}

ggml_tensor* DeviceTensors::add(ggml_type type, int64_t columns, int64_t rows) {
  return library().ggml_new_tensor_2d(context_.get(), type, columns, rows);
}

void DeviceTensors::allocate(const GraphDevice& device) {
  buffer_.reset(library().ggml_backend_alloc_ctx_tensors(context_.get(), device.backend()));
  if (!buffer_) throw DeviceFailure("the memory of " + device.name() + " does not suffice for the value function");
}

void upload(ggml_tensor* tensor, const std::vector<float>& numbers) {
  const Library& lib = library();
  if (tensor->type == GGML_TYPE_F16) {
    std::vector<uint16_t> halves(numbers.size());
    float32ToFloat16(numbers.data(), halves.data(), numbers.size());
    lib.ggml_backend_tensor_set(tensor, halves.data(), 0, lib.ggml_nbytes(tensor));
  } else {
    lib.ggml_backend_tensor_set(tensor, numbers.data(), 0, lib.ggml_nbytes(tensor));
  }
}

std::vector<float> download(const ggml_tensor* tensor) {
  const Library& lib = library();
  std::vector<float> numbers(lib.ggml_nbytes(tensor) / sizeof(float));
  lib.ggml_backend_tensor_get(tensor, numbers.data(), 0, numbers.size() * sizeof(float));
  return numbers;
}

DeviceGraph::DeviceGraph(const GraphDevice& device, int mostNodes) : device_(device) {
  const Library& lib = library();
  context_ = contextFor(mostNodes * lib.ggml_tensor_overhead() + lib.ggml_graph_overhead_custom(mostNodes, false));
  graph_ = lib.ggml_new_graph_custom(context_.get(), mostNodes, false);
}

ggml_tensor* DeviceGraph::input(ggml_type type, int64_t columns, int64_t rows) {
  ggml_tensor* tensor = library().ggml_new_tensor_2d(context_.get(), type, columns, rows);
  library().ggml_set_input(tensor);
  return tensor;
}

void DeviceGraph::output(ggml_tensor* node) {
  library().ggml_set_output(node);
  append(node);
}

void DeviceGraph::append(ggml_tensor* node) { library().ggml_build_forward_expand(graph_, node); }

ggml_tensor* DeviceGraph::clamp(ggml_tensor* a, float least, float most) const {
  return library().ggml_clamp(context_.get(), a, least, most);
}

ggml_tensor* DeviceGraph::norms(ggml_tensor* a) const {
  return squareRoot(sumRows(library().ggml_sqr(context_.get(), a)));
}

ggml_tensor* DeviceGraph::transposed(ggml_tensor* a) const {
  return library().ggml_cont(context_.get(), library().ggml_transpose(context_.get(), a));
}

ggml_tensor* DeviceGraph::rowsOf(ggml_tensor* a, int64_t first, int64_t count) const {
  return library().ggml_view_2d(context_.get(), a, a->ne[0], count, a->nb[1], first * a->nb[1]);
}

ggml_tensor* DeviceGraph::reshape(ggml_tensor* a, int64_t columns, int64_t rows) const {
  return library().ggml_reshape_2d(context_.get(), a, columns, rows);
}

ggml_tensor* DeviceGraph::besideEachOther(ggml_tensor* a, ggml_tensor* b) const {
  return library().ggml_concat(context_.get(), a, b, 0);
}

ggml_tensor* DeviceGraph::product(ggml_tensor* W, ggml_tensor* x) const {
  ggml_tensor* y = library().ggml_mul_mat(context_.get(), W, x);
  library().ggml_mul_mat_set_prec(y, GGML_PREC_F32);
  return y;
}

ggml_tensor* DeviceGraph::exactProduct(ggml_tensor* W, ggml_tensor* x) const {
  // A third extent is a batch to ggml: its products have one column each and take the matrix-vector kernels.
  return reshape(product(W, library().ggml_reshape_3d(context_.get(), x, x->ne[0], 1, x->ne[1])), W->ne[1], x->ne[1]);
}

void DeviceGraph::allocate() {
  const Library& lib = library();
  for (int i = 0; i < lib.ggml_graph_n_nodes(graph_); i++) {
    const ggml_tensor* node = lib.ggml_graph_node(graph_, i);
    if (lib.ggml_backend_supports_op(device_.backend(), node)) continue;
    throw DeviceFailure("the device " + device_.name() + " lacks the operation " + lib.ggml_op_desc(node) + " on " +
                        lib.ggml_type_name(node->src[0] ? node->src[0]->type : node->type));
  }
  allocator_.reset(lib.ggml_gallocr_new(lib.ggml_backend_get_default_buffer_type(device_.backend())));
  if (!allocator_ || !lib.ggml_gallocr_alloc_graph(allocator_.get(), graph_)) {
    throw DeviceFailure("the memory of " + device_.name() + " does not suffice for the graph");
  }
}

void DeviceGraph::compute() const {
  if (library().ggml_backend_graph_compute(device_.backend(), graph_) != GGML_STATUS_SUCCESS) {
    const std::string reason = takeLog();
    throw DeviceFailure("the device " + device_.name() + " failed" + (reason.empty() ? "" : ": " + reason));
  }
}
