// Every backward is in exactly one update, updates follow at once after K backwards (or as many as
// the measured delay, where K follows it), versions count them, and the staleness that an update is
// corrected by is the measured one.
#include <algorithm>
#include <cmath>
#include <string>
#include <variant>

#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

constexpr double kPast = 0.99;  // weight of the past in the running mean (docs/method.md)
constexpr double kTolerance = 1e-9;
constexpr double kSettled = 0.05;  // a delay this little above K asks for no more

class UpdateChecker : public Checker {
 public:
  explicit UpdateChecker(const CheckerContext& context)
      : Checker(context, "updates"), hosts_(context.scenario.stages) {}

  void on_start(std::uint32_t host, const swarm::StartState&) override { hosts_[host] = {}; }

  void on_event(std::uint32_t index, const swarm::Event& event) override {
    const auto* done = std::get_if<swarm::BackwardDone>(&event);
    if (done != nullptr) note_staleness(index, done->id);
  }

  void on_action(std::uint32_t index, const swarm::Action& action) override {
    HostUpdates& host = hosts_[index];
    if (const auto* update = std::get_if<swarm::RunUpdate>(&action)) {
      check_update(index, *update);
    } else if (std::holds_alternative<swarm::RunBackward>(action)) {
      check_nothing_owed(index, "a backward");
      if (host.ended_early) report(index, "an update of a partial group was not the last one");
    } else if (std::holds_alternative<swarm::RunForward>(action)) {
      check_nothing_owed(index, "a forward");
    } else if (std::holds_alternative<swarm::RunRestore>(action)) {
      host = {};
      const bool is_async = scenario_.options.schedule == swarm::Schedule::kAsync;
      const double nominal = is_async ? static_cast<double>(scenario_.stages - 1 - index) : 0.0;
      host.delay = nominal;
      host.staleness = nominal / scenario_.options.accumulate;
    }
  }

  void on_end() override {
    if (scenario_.ending == Ending::kSaved || scenario_.ending == Ending::kBlocked) return;
    for (std::uint32_t host = 0; host < shadow_.hosts(); ++host) {
      if (!shadow_.host(host).pending.empty()) {
        report(host, "ended with " + std::to_string(shadow_.host(host).pending.size()) +
                         " backwards that no update contains");
      }
    }
  }

 private:
  struct HostUpdates {
    bool ended_early = false;
    double delay = 0;  // running means, weighted as in docs/method.md
    double staleness = 0;
  };

  void note_staleness(std::uint32_t index, const MicrobatchId& id) {
    const HostFacts& facts = shadow_.host(index);
    const MicrobatchFacts* microbatch = shadow_.find(index, id);
    if (microbatch == nullptr) return;
    HostUpdates& host = hosts_[index];
    const std::uint64_t delay = facts.applied - 1 - microbatch->applied_at_forward;
    const std::uint64_t staleness = facts.version.value() - microbatch->version_at_forward;
    host.delay = kPast * host.delay + (1 - kPast) * static_cast<double>(delay);
    host.staleness = kPast * host.staleness + (1 - kPast) * static_cast<double>(staleness);
  }

  std::uint64_t due_after(std::uint32_t index) const {
    const std::uint64_t least = scenario_.options.accumulate;
    const bool is_async = scenario_.options.schedule == swarm::Schedule::kAsync;
    if (!scenario_.options.accumulate_follows || !is_async) return least;
    return std::max(least, static_cast<std::uint64_t>(std::ceil(hosts_[index].delay - kSettled)));
  }

  void check_nothing_owed(std::uint32_t index, const char* what) const {
    if (shadow_.host(index).pending.size() < due_after(index)) return;
    report(index, std::string(what) + " was started before the update that is due after " +
                      std::to_string(due_after(index)) + " backwards");
  }

  void check_update(std::uint32_t index, const swarm::RunUpdate& update) {
    HostUpdates& host = hosts_[index];
    const HostFacts& facts = shadow_.host(index);
    if (update.microbatches == 0 || update.microbatches != facts.pending.size()) {
      report(index, "update " + std::to_string(update.version.value()) + " is the mean of " +
                        std::to_string(update.microbatches) + " micro-batches, but " +
                        std::to_string(facts.pending.size()) + " were run backward");
    }
    if (facts.pending.size() < due_after(index)) host.ended_early = true;
    if (update.version != facts.version) {
      report(index, "update " + std::to_string(update.version.value()) + " follows version " +
                        std::to_string(facts.version.value()));
    }
    if (std::abs(host.delay - update.delay_microbatches) > kTolerance ||
        std::abs(host.staleness - update.staleness_updates) > kTolerance) {
      report(index, "update " + std::to_string(update.version.value()) + " was told a delay of " +
                        std::to_string(update.delay_microbatches) + " micro-batches, " +
                        std::to_string(update.staleness_updates) + " updates; measured " +
                        std::to_string(host.delay) + ", " + std::to_string(host.staleness));
    }
  }

  std::vector<HostUpdates> hosts_;
};

}  // namespace

CheckerPtr make_update_checker(const CheckerContext& context) {
  return std::make_unique<UpdateChecker>(context);
}

}  // namespace brigade::sim
