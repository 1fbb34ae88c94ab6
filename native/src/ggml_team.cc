#include "ggml_team.h"

#include <stdexcept>

#include "ggml-cpu.h"

namespace {

// For how long the threads spin before they sleep, in ggml's unit of some 3 ms: from one graph of a step to the next,
// and not until a person has read the answer.
constexpr uint32_t polling = 1;

// The processor backend is loaded at run time, so its own functions are asked for by name.
template <class Function>
Function cpuFunction(const char* name) {
  const Library& lib = library();
  ggml_backend_dev_t device = lib.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  void* function = lib.ggml_backend_reg_get_proc_address(lib.ggml_backend_dev_backend_reg(device), name);
  if (!function) throw std::runtime_error(std::string("ggml's processor backend has no function ") + name);
  return reinterpret_cast<Function>(function);
}

}  // namespace

GgmlTeam::GgmlTeam(int threads) : threads_(threads) {
  const Library& lib = library();
  ggml_threadpool_params params = lib.ggml_threadpool_params_default(threads);
  params.poll = polling;
  pool_ = cpuFunction<decltype(&ggml_threadpool_new)>("ggml_threadpool_new")(&params);
  backend_ = lib.ggml_backend_dev_init(lib.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU), nullptr);
  if (!pool_ || !backend_) throw std::runtime_error("the processor's threads could not be started");
  cpuFunction<decltype(&ggml_backend_cpu_set_threadpool)>("ggml_backend_cpu_set_threadpool")(backend_, pool_);
  cpuFunction<ggml_backend_set_n_threads_t>("ggml_backend_set_n_threads")(backend_, threads);
  context_ = lib.ggml_init({1 << 16, nullptr, false});
  graph_ = lib.ggml_new_graph_custom(context_, 8, false);
  ggml_tensor* node =
      lib.ggml_custom_4d(context_, GGML_TYPE_F32, 1, 1, 1, 1, nullptr, 0, &GgmlTeam::work, GGML_N_TASKS_MAX, this);
  lib.ggml_build_forward_expand(graph_, node);
}

GgmlTeam::~GgmlTeam() {
  const Library& lib = library();
  lib.ggml_free(context_);
  lib.ggml_backend_free(backend_);
  cpuFunction<decltype(&ggml_threadpool_free)>("ggml_threadpool_free")(pool_);
}

void GgmlTeam::run(const Body& body) {
  body_ = &body;
  failure_ = nullptr;
  const ggml_status status = library().ggml_backend_graph_compute(backend_, graph_);
  if (failure_) std::rethrow_exception(failure_);
  if (status != GGML_STATUS_SUCCESS) throw std::runtime_error("ggml could not run on the processor's threads");
}

// An exception must not cross ggml's C frames.
void GgmlTeam::work(ggml_tensor*, int thread, int threads, void* user) {
  auto* team = static_cast<GgmlTeam*>(user);
  try {
    (*team->body_)(thread, threads);
  } catch (...) {
    std::lock_guard<std::mutex> lock(team->failureMutex_);
    team->failure_ = std::current_exception();
  }
}
