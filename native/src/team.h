// Threads that work on one thing together.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

// Runs the same body on every thread at once; the body takes its share by its number.
class Team {
 public:
  using Body = std::function<void(int thread, int threads)>;

  virtual ~Team() = default;
  virtual int size() const = 0;
  // Returns when all are done; rethrows what a body threw.
  virtual void run(const Body& body) = 0;
};

// The calling thread alone.
class Solo : public Team {
 public:
  int size() const override { return 1; }
  void run(const Body& body) override { body(0, 1); }
};

// Where the threads of one body wait for each other, a few hundred nanoseconds at a time, so they spin.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}

  void wait() {
    if (threads_ == 1) return;
    const int round = round_.load(std::memory_order_relaxed);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      waiting_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; round_.load(std::memory_order_acquire) == round; spins++) {
      if (spins > patience) std::this_thread::yield();  // another process has the core that we wait for
      pause();
    }
  }

 private:
  static constexpr int patience = 20000;

  static void pause() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    asm volatile("yield");
#endif
  }

  const int threads_;
  std::atomic<int> waiting_{0}, round_{0};
};

// The share of [0, count) of one thread: all but the last end on a multiple of `granule`.
struct Share {
  size_t begin, end;

  Share(size_t count, size_t granule, int thread, int threads) {
    const size_t granules = (count + granule - 1) / granule;
    const auto boundary = [&](size_t number) { return std::min(count, granules * number / threads * granule); };
    begin = boundary(thread);
    end = boundary(thread + 1);
  }
};
