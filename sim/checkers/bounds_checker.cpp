// Nothing grows beyond its bound: the window at the head, what devices keep, what drivers hold.
#include <algorithm>
#include <string>
#include <variant>

#include "base/limits.hpp"
#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

/// Until the head changes it, where it finds its window itself.
std::uint64_t first_window(const swarm::Options& options, std::uint32_t stages) {
  if (swarm::is_synchronous(options.schedule)) return options.accumulate;
  return options.window > 0 ? options.window : stages;
}

class BoundsChecker : public Checker {
 public:
  explicit BoundsChecker(const CheckerContext& context)
      : Checker(context, "bounds"),
        has_fixed_window_(context.scenario.options.window > 0),
        first_window_(first_window(context.scenario.options, context.scenario.stages)) {
    start_over();
  }

  void on_start(std::uint32_t host, const swarm::StartState&) override {
    if (shadow_.is_head(host)) start_over();
  }

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    if (const auto* changed = std::get_if<swarm::WindowChanged>(&action)) {
      window_ = changed->window;
      widest_ = std::max(widest_, window_);
      if (window_ == 0 || window_ > limits::kMaxWindow || has_fixed_window_) {
        report(host, "a window of " + std::to_string(window_));
      }
    }
    const auto* forward = std::get_if<swarm::RunForward>(&action);
    if (forward == nullptr || forward->id.kind != MicrobatchId::Kind::kTrain) return;
    const HostFacts& facts = shadow_.host(host);
    const MicrobatchFacts* microbatch = shadow_.find(host, forward->id);
    const bool is_drawn = microbatch != nullptr && microbatch->is_seen;
    if (shadow_.is_head(host) && !is_drawn && facts.seen - facts.applied >= window_) {
      report(host, "drew " + to_string(forward->id) + " with " +
                       std::to_string(facts.seen - facts.applied) +
                       " micro-batches in flight and a window of " + std::to_string(window_));
    }
  }

  void on_settled(std::uint32_t host, const swarm::Status&) override {
    const HostFacts& facts = shadow_.host(host);
    if (facts.kept > widest_) {
      report(host, "keeps " + std::to_string(facts.kept) +
                       " micro-batches on its device with a "
                       "window of " +
                       std::to_string(widest_));
    }
    if (facts.held > kMostHeld) {
      report(host, "holds " + std::to_string(facts.held) + " payloads");
    }
  }

 private:
  // Inputs and outputs of what is in flight, and gradients that upstream has not acknowledged.
  static constexpr std::uint64_t kMostHeld =
      2ull * limits::kMaxInFlight + limits::kMaxKeptGradients;

  void start_over() { window_ = widest_ = first_window_; }

  bool has_fixed_window_;
  std::uint64_t first_window_;
  std::uint64_t window_ = 0;
  std::uint64_t widest_ = 0;
};

}  // namespace

CheckerPtr make_bounds_checker(const CheckerContext& context) {
  return std::make_unique<BoundsChecker>(context);
}

}  // namespace brigade::sim
