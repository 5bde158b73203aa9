// What status() says is what happened: its counts equal those of the shadow.
#include <string>

#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

class StatusChecker : public Checker {
 public:
  explicit StatusChecker(const CheckerContext& context) : Checker(context, "status") {}

  void on_settled(std::uint32_t host, const swarm::Status& status) override {
    const HostFacts& facts = shadow_.host(host);
    if (status.is_computing != (facts.task != Task::kNone)) {
      report(host, "status and truth differ: is_computing");
    }
    const bool is_training =
        status.phase == swarm::Phase::kTraining || status.phase == swarm::Phase::kDraining;
    if (!is_training || status.phase != facts.phase) return;
    compare(host, "epoch", status.epoch.value(), facts.epoch.value());
    compare(host, "position", status.position, facts.from.position + facts.watermark);
    compare(host, "drawn", status.drawn, facts.seen);
    compare(host, "applied", status.applied, facts.applied);
    compare(host, "in_flight", status.in_flight, facts.seen - facts.applied);
    compare(host, "version", status.version.value(), facts.version.value());
  }

 private:
  void compare(std::uint32_t host, const char* what, std::uint64_t said, std::uint64_t is) const {
    if (said == is) return;
    report(host, std::string("status and truth differ: ") + what + " is " + std::to_string(is) +
                     ", said is " + std::to_string(said));
  }
};

}  // namespace

CheckerPtr make_status_checker(const CheckerContext& context) {
  return std::make_unique<StatusChecker>(context);
}

std::vector<CheckerPtr> make_all_checkers(const CheckerContext& context) {
  std::vector<CheckerPtr> checkers;
  checkers.push_back(make_payload_checker(context));
  checkers.push_back(make_ledger_checker(context));
  checkers.push_back(make_order_checker(context));
  checkers.push_back(make_update_checker(context));
  checkers.push_back(make_bounds_checker(context));
  checkers.push_back(make_receipt_checker(context));
  checkers.push_back(make_checkpoint_checker(context));
  checkers.push_back(make_epoch_checker(context));
  checkers.push_back(make_report_checker(context));
  checkers.push_back(make_status_checker(context));
  return checkers;
}

}  // namespace brigade::sim
