// The compute thread: one a device, carries out tasks in order, waits passively.
//
// The thread builds the stage, works on it and destroys it: no other thread touches it. It measures
// itself: busy time runs from taking a task to handing its outcome over, decoding and encoding
// included, waiting not.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/stage_worker.hpp"

namespace brigade::daemon {

using StageFactory = std::function<Result<std::unique_ptr<stage::Stage>>()>;

/// What does not change while a stage lives.
struct StageFacts {
  std::uint64_t parameters = 0;
  std::uint64_t param_bytes = 0;
  std::uint64_t state_bytes = 0;
  std::string device;
};

struct EngineCounters {
  double busy_seconds = 0;
  double cpu_seconds = 0;  // the compute thread's own, by the CPU's clock
  std::uint64_t kept_bytes = 0;
  std::uint32_t weight_versions = 0;  // the most ever seen
  double drift_cosine = 0;            // stage::Drift
  double drift_norm = 0;
};

class Engine {
 public:
  /// `on_outcome` is called on the compute thread, which waits for nothing else: it posts.
  Engine(const StageShape& shape, std::function<void(ComputeOutcome)> on_outcome);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Starts the thread and builds the stage there; returns when that is done.
  Result<StageFacts> start(const StageFactory& factory, std::unique_ptr<TokenSource> source);
  void submit(ComputeTask task);
  EngineCounters counters() const;
  /// Finishes the task in hand, drops the others, joins. Idempotent.
  void stop();

 private:
  void work();
  void measure(const stage::Stage& stage, std::chrono::steady_clock::duration busy);

  const StageShape shape_;
  const std::function<void(ComputeOutcome)> on_outcome_;

  std::mutex mutex_;  // guards queue_ and is_stopping_, held for moments only
  std::condition_variable wake_;
  std::deque<ComputeTask> queue_;  // bounded by the core: one task, and Forgets beside it
  bool is_stopping_ = false;

  std::atomic<std::uint64_t> busy_ns_{0};
  std::atomic<std::uint64_t> cpu_ns_{0};
  std::atomic<std::uint64_t> kept_bytes_{0};
  std::atomic<std::uint32_t> weight_versions_{0};
  std::atomic<double> drift_cosine_{0};
  std::atomic<double> drift_norm_{0};

  std::unique_ptr<StageWorker> worker_;  // touched by the compute thread alone
  std::thread thread_;
};

}  // namespace brigade::daemon
