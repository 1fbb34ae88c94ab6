// The threads of llama.cpp's processor backend, kept between its graphs, as a team of ours too. They spin for a while
// after a graph: threads of our own would fight them for the cores.
#pragma once

#include <exception>
#include <memory>
#include <mutex>

#include "library.h"
#include "team.h"

class GgmlTeam : public Team {
 public:
  // Throws std::runtime_error when the system has no more threads.
  explicit GgmlTeam(int threads);
  ~GgmlTeam() override;
  GgmlTeam(const GgmlTeam&) = delete;
  GgmlTeam& operator=(const GgmlTeam&) = delete;

  int size() const override { return threads_; }
  void run(const Body& body) override;

  // For llama_attach_threadpool. llama.cpp uses it until the next step after another one was attached, or until the
  // context is freed; only then may this be destroyed.
  ggml_threadpool_t pool() const { return pool_; }

 private:
  static void work(ggml_tensor* tensor, int thread, int threads, void* team);

  const int threads_;
  ggml_threadpool_t pool_ = nullptr;
  ggml_backend_t backend_ = nullptr;
  ggml_context* context_ = nullptr;
  ggml_cgraph* graph_ = nullptr;  // one node, which runs the body
  const Body* body_ = nullptr;
  std::mutex failureMutex_;
  std::exception_ptr failure_;
};
