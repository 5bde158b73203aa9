// Epochs only grow: no node enters one that it was in before, not even after a crash, and one epoch
// starts from the same checkpoint at every stage. So no id can be applied twice in an epoch.
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

class EpochChecker : public Checker {
 public:
  explicit EpochChecker(const CheckerContext& context)
      : Checker(context, "epochs"), entered_(context.scenario.stages) {}

  void on_start(std::uint32_t host, const swarm::StartState&) override {
    entered_[host].may_repeat = false;
  }

  void on_event(std::uint32_t host, const swarm::Event& event) override {
    const auto* done = std::get_if<swarm::RestoreDone>(&event);
    if (done != nullptr) entered_[host].may_repeat = !done->succeeded;
  }

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    const auto* restore = std::get_if<swarm::RunRestore>(&action);
    if (restore == nullptr) return;
    Entered& entered = entered_[host];
    const bool is_newer = !entered.epoch || restore->epoch > *entered.epoch;
    const bool is_retry = entered.may_repeat && restore->epoch == *entered.epoch;
    if (!is_newer && !is_retry) {
      report(host, "enters epoch " + std::to_string(restore->epoch.value()) + " after epoch " +
                       std::to_string(entered.epoch->value()));
    }
    entered.epoch = restore->epoch;
    const auto [origin, is_first] = origins_.emplace(restore->epoch, restore->checkpoint);
    const bool is_seed = origin->second.position == 0 && restore->checkpoint.position == 0;
    if (!is_first && !is_seed && origin->second != restore->checkpoint) {
      report(host, "epoch " + std::to_string(restore->epoch.value()) +
                       " starts here from position " +
                       std::to_string(restore->checkpoint.position) + ", elsewhere from " +
                       std::to_string(origin->second.position));
    }
  }

 private:
  struct Entered {
    std::optional<Epoch> epoch;
    bool may_repeat = false;  // the restore failed
  };

  std::vector<Entered> entered_;
  std::map<Epoch, swarm::CheckpointId> origins_;
};

}  // namespace

CheckerPtr make_epoch_checker(const CheckerContext& context) {
  return std::make_unique<EpochChecker>(context);
}

}  // namespace brigade::sim
