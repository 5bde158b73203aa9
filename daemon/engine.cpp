#include "daemon/engine.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <future>
#include <utility>

namespace brigade::daemon {

namespace {

std::uint64_t thread_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(time.tv_nsec);
}

StageFacts facts_of(const stage::Stage& stage) {
  return {stage.parameters(), stage.param_bytes(), stage.state_bytes(), stage.device()};
}

}  // namespace

Engine::Engine(const StageShape& shape, std::function<void(ComputeOutcome)> on_outcome)
    : shape_(shape), on_outcome_(std::move(on_outcome)) {}

Engine::~Engine() {
  stop();
}

Result<StageFacts> Engine::start(const StageFactory& factory, std::unique_ptr<TokenSource> source) {
  std::promise<Result<StageFacts>> built;
  auto answer = built.get_future();
  thread_ = std::thread([this, &factory, &built, data = std::move(source)]() mutable {
    pthread_setname_np(pthread_self(), "compute");
    auto stage = factory();
    if (stage.has_error()) return built.set_value(std::move(stage).error());
    const StageFacts facts = facts_of(**stage);
    worker_ = std::make_unique<StageWorker>(shape_, std::move(stage).value(), std::move(data));
    built.set_value(facts);
    work();
    worker_.reset();
  });
  auto facts = answer.get();
  if (facts.has_error()) thread_.join();
  return facts;
}

void Engine::submit(ComputeTask task) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Engine::work() {
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
    if (is_stopping_) return;
    const ComputeTask task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();

    const auto began = std::chrono::steady_clock::now();
    auto outcome = worker_->carry_out(task);
    measure(worker_->stage(), std::chrono::steady_clock::now() - began);
    if (outcome) on_outcome_(std::move(*outcome));
  }
}

void Engine::measure(const stage::Stage& stage, std::chrono::steady_clock::duration busy) {
  // One writer, so a plain load and store would do; readers only want whole values.
  busy_ns_ += static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(busy).count());
  cpu_ns_ = thread_cpu_ns();
  kept_bytes_ = stage.kept_bytes();
  weight_versions_ = std::max(weight_versions_.load(), stage.weight_versions());
  const stage::Drift drift = stage.drift();
  drift_cosine_ = drift.cosine;
  drift_norm_ = drift.norm;
}

EngineCounters Engine::counters() const {
  constexpr double kNanosecond = 1e-9;
  return {static_cast<double>(busy_ns_) * kNanosecond,
          static_cast<double>(cpu_ns_) * kNanosecond,
          kept_bytes_,
          weight_versions_,
          drift_cosine_,
          drift_norm_};
}

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace brigade::daemon
