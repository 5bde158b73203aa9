// Nothing grows beyond its bound: the window at the head, what devices keep, what drivers hold.
#include <algorithm>
#include <string>
#include <variant>

#include "base/limits.hpp"
#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

class BoundsChecker : public Checker {
 public:
  explicit BoundsChecker(const CheckerContext& context)
      : Checker(context, "bounds"),
        window_(swarm::is_synchronous(context.scenario.options.schedule)
                    ? context.scenario.options.accumulate
                    : context.scenario.options.window) {}

  void on_action(std::uint32_t host, const swarm::Action& action) override {
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
    if (facts.kept > window_) {
      report(host, "keeps " + std::to_string(facts.kept) +
                       " micro-batches on its device with a "
                       "window of " +
                       std::to_string(window_));
    }
    if (facts.held > kMostHeld) {
      report(host, "holds " + std::to_string(facts.held) + " payloads");
    }
  }

 private:
  // Inputs and outputs of what is in flight, and gradients that upstream has not acknowledged.
  static constexpr std::uint64_t kMostHeld =
      2ull * limits::kMaxInFlight + limits::kMaxKeptGradients;

  std::uint64_t window_;
};

}  // namespace

CheckerPtr make_bounds_checker(const CheckerContext& context) {
  return std::make_unique<BoundsChecker>(context);
}

}  // namespace brigade::sim
