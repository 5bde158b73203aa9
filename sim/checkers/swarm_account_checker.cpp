// Each node's account, and its bounds.
//
// taken = applied + in flight + handed back, and what status() says is applied is what its device
// has done; a head has at most `window` micro-batches of its own in flight that are not suspended;
// a node has at most `most_in_flight`; one compute task at a time;
// nobody blames an honest node.
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "base/limits.hpp"
#include "sim/checkers/swarm_checker.hpp"

namespace brigade::sim {
namespace {

class SwarmAccountChecker : public SwarmChecker {
 public:
  SwarmAccountChecker(const SwarmScenario& scenario, Violations& violations)
      : SwarmChecker(scenario, violations, "account"), hosts_(scenario.hosts()) {}

  void on_start(std::uint32_t host, std::uint64_t instance) override {
    hosts_[host] = {};
    hosts_[host].instance = instance;
    hosts_[host].window = scenario_.options.window;  // 0: it says so itself
  }

  void on_event(std::uint32_t index, const swarm::Event& event) override {
    Facts& facts = hosts_[index];
    if (const auto* done = std::get_if<swarm::BackwardDone>(&event)) {
      ++facts.applied;
      facts.open.erase(done->id);
      facts.suspended.erase(done->id);
    }
    if (is_task_answer(event)) facts.is_computing = false;
  }

  void on_action(std::uint32_t index, const swarm::Action& action) override {
    Facts& facts = hosts_[index];
    const auto* forward = std::get_if<swarm::RunForward>(&action);
    if (is_task(action) && std::exchange(facts.is_computing, true)) {
      report(index, "a compute task was started while another one is running");
    }
    const bool is_own = forward != nullptr && forward->keeps && stage_of(index) == 0 &&
                        forward->id.head.value() == facts.instance;
    if (is_own && facts.open.insert(forward->id).second) check_window(index);
    if (const auto* changed = std::get_if<swarm::WindowChanged>(&action))
      facts.window = changed->window;
    const auto* blamed = std::get_if<swarm::Misbehaved>(&action);
    if (blamed != nullptr && std::string_view(blamed->what) != "bytes that make no sense") {
      report(index, std::string("blames an honest node: ") + blamed->what);
    }
    const auto* said = std::get_if<swarm::PathReported>(&action);
    if (said == nullptr || !facts.open.contains(said->id)) return;
    using Kind = swarm::PathReported::Kind;
    if (said->kind == Kind::kSuspended) facts.suspended.insert(said->id);
    if (said->kind == Kind::kHandedBack) facts.open.erase(said->id);  // closed on another path
    if (said->kind == Kind::kHandedBack || said->kind == Kind::kResumed ||
        said->kind == Kind::kMended) {
      facts.suspended.erase(said->id);
    }
  }

  void on_settled(std::uint32_t index, const swarm::Status& status) override {
    if (status.taken != status.applied + status.in_flight + status.handed_back) {
      report(index, "taken " + std::to_string(status.taken) + ", applied " +
                        std::to_string(status.applied) + ", in flight " +
                        std::to_string(status.in_flight) + ", handed back " +
                        std::to_string(status.handed_back));
    }
    if (status.applied != hosts_[index].applied) {
      report(index, "applied " + std::to_string(hosts_[index].applied) + ", said is " +
                        std::to_string(status.applied));
    }
    const std::uint32_t adopted = stage_of(index) == 0 ? limits::kMaxInFlight : 0;
    if (status.in_flight > scenario_.options.most_in_flight + adopted) {
      report(index, std::to_string(status.in_flight) + " micro-batches in flight");
    }
    if (status.suspended > limits::kMaxSuspended) {
      report(index, std::to_string(status.suspended) + " micro-batches suspended");
    }
  }

 private:
  struct Facts {
    std::uint64_t instance = 0;
    std::uint64_t applied = 0;
    bool is_computing = false;
    std::uint32_t window = 0;
    std::set<MicrobatchId> open;  // drawn here and not applied here
    std::set<MicrobatchId> suspended;
  };

  void check_window(std::uint32_t index) {
    const Facts& facts = hosts_[index];
    const std::size_t places = facts.open.size() - facts.suspended.size();
    if (places <= facts.window) return;
    report(index, "drew with " + std::to_string(places) +
                      " micro-batches in flight and a window of " + std::to_string(facts.window));
  }

  std::vector<Facts> hosts_;
};

}  // namespace

bool is_task(const swarm::Action& action) {
  return std::holds_alternative<swarm::RunForward>(action) ||
         std::holds_alternative<swarm::RunBackward>(action) ||
         std::holds_alternative<swarm::RunUpdate>(action) ||
         std::holds_alternative<swarm::RunSnapshot>(action) ||
         std::holds_alternative<swarm::RunShare>(action) ||
         std::holds_alternative<swarm::RunBlend>(action) ||
         std::holds_alternative<swarm::RunRestore>(action);
}

bool is_task_answer(const swarm::Event& event) {
  return std::holds_alternative<swarm::ForwardDone>(event) ||
         std::holds_alternative<swarm::BackwardDone>(event) ||
         std::holds_alternative<swarm::UpdateDone>(event) ||
         std::holds_alternative<swarm::SnapshotTaken>(event) ||
         std::holds_alternative<swarm::ShareTaken>(event) ||
         std::holds_alternative<swarm::Blended>(event) ||
         std::holds_alternative<swarm::RestoreDone>(event) ||
         std::holds_alternative<swarm::InputRejected>(event);
}

SwarmCheckerPtr make_swarm_account_checker(const SwarmScenario& scenario, Violations& violations) {
  return std::make_unique<SwarmAccountChecker>(scenario, violations);
}

}  // namespace brigade::sim
