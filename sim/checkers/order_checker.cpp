// One compute task at a time, in the order that the schedule asks for.
//
// kAsync     no two forwards in a row while gradients wait; the tail runs the backward of what it
//            has just forwarded
// lock-step  forward(m + δ), backward(m), update; δ = P − 1 − stage; in the drain backwards alone
// groups     group g is forwarded and run backward on the weights after g updates; with k1f1b at
//            most P − stage of them are held at a stage
#include <string>
#include <variant>

#include "sim/checkers/checker.hpp"

namespace brigade::sim {
namespace {

class OrderChecker : public Checker {
 public:
  explicit OrderChecker(const CheckerContext& context)
      : Checker(context, "order"), hosts_(context.scenario.stages) {}

  void on_start(std::uint32_t host, const swarm::StartState&) override { hosts_[host] = {}; }

  void on_event(std::uint32_t host, const swarm::Event& event) override {
    const auto* done = std::get_if<swarm::ForwardDone>(&event);
    if (done != nullptr && shadow_.is_tail(host) && is_train(done->id)) {
      hosts_[host].tail_owes_backward = true;
    }
  }

  void on_action(std::uint32_t host, const swarm::Action& action) override {
    const bool is_restore = std::holds_alternative<swarm::RunRestore>(action);
    const bool is_forward = std::holds_alternative<swarm::RunForward>(action);
    const bool is_backward = std::holds_alternative<swarm::RunBackward>(action);
    if (!is_restore && !is_forward && !is_backward &&
        !std::holds_alternative<swarm::RunUpdate>(action) &&
        !std::holds_alternative<swarm::RunSnapshot>(action)) {
      return;
    }
    if (shadow_.host(host).task != Task::kNone) {
      report(host, "a compute task was started while another one is running");
    }
    if (is_restore) hosts_[host] = {};
    if (is_forward) check_forward(host, std::get<swarm::RunForward>(action).id);
    if (is_backward) check_backward(host, std::get<swarm::RunBackward>(action).id);
  }

 private:
  struct HostOrder {
    std::uint64_t next_forward = 0;  // lock-step: sequences, first runs alone
    std::uint64_t next_backward = 0;
    bool is_draining = false;  // a backward ran without its forward(m + δ) before it
    bool tail_owes_backward = false;
    bool last_was_forward = false;
  };

  static bool is_train(const MicrobatchId& id) { return id.kind == MicrobatchId::Kind::kTrain; }

  void check_forward(std::uint32_t index, const MicrobatchId& id) {
    HostOrder& order = hosts_[index];
    const HostFacts& facts = shadow_.host(index);
    const swarm::Options& options = scenario_.options;
    if (options.schedule == swarm::Schedule::kAsync) {
      if (!options.lock_step && facts.waiting_gradients > 0 && order.last_was_forward) {
        report(index, "forwarded " + to_string(id) + " after a forward while " +
                          std::to_string(facts.waiting_gradients) + " gradients were waiting");
      }
      if (order.tail_owes_backward) {
        report(index, "the tail forwarded " + to_string(id) + " before the backward of the last");
      }
    }
    order.last_was_forward = true;
    if (!is_train(id)) return;
    if (options.lock_step) check_lock_step_forward(index, id);
    if (swarm::is_synchronous(options.schedule)) check_group(index, id, "forwarded");
    if (options.schedule == swarm::Schedule::k1f1b) check_held(index, id);
  }

  void check_lock_step_forward(std::uint32_t index, const MicrobatchId& id) {
    HostOrder& order = hosts_[index];
    const MicrobatchFacts* facts = shadow_.find(index, id);
    if (facts != nullptr && facts->forward_runs > 0) return;  // again, after a loss
    const std::uint64_t delay = scenario_.stages - 1 - index;
    if (id.sequence.value() != order.next_forward || order.is_draining ||
        order.next_forward > order.next_backward + delay) {
      report(index, "lock-step: forwarded " + to_string(id) + " after " +
                        std::to_string(order.next_forward) + " forwards and " +
                        std::to_string(order.next_backward) + " backwards");
    }
    ++order.next_forward;
  }

  void check_backward(std::uint32_t index, const MicrobatchId& id) {
    HostOrder& order = hosts_[index];
    order.tail_owes_backward = order.last_was_forward = false;
    const swarm::Options& options = scenario_.options;
    if (swarm::is_synchronous(options.schedule)) check_group(index, id, "run backward");
    if (!options.lock_step) return;
    const MicrobatchFacts* facts = shadow_.find(index, id);
    const bool is_again = id.sequence.value() + 1 == order.next_backward && facts != nullptr &&
                          !facts->is_backward;  // its gradient did not decode
    if (is_again) return;
    const std::uint64_t delay = scenario_.stages - 1 - index;
    if (id.sequence.value() != order.next_backward) {
      report(index, "lock-step: backward of " + to_string(id) + " after " +
                        std::to_string(order.next_backward) + " backwards");
    }
    if (order.next_forward < order.next_backward + delay + 1) order.is_draining = true;
    ++order.next_backward;
  }

  void check_held(std::uint32_t index, const MicrobatchId& id) const {
    const MicrobatchFacts* facts = shadow_.find(index, id);
    if (facts != nullptr && facts->forward_runs > 0) return;  // again, after a loss
    const std::uint64_t kept = shadow_.host(index).kept;
    if (kept < scenario_.stages - index) return;
    report(index, "1f1b: forwarded " + to_string(id) + " while holding " + std::to_string(kept));
  }

  void check_group(std::uint32_t index, const MicrobatchId& id, const char* what) const {
    const std::uint64_t group = id.sequence.value() / scenario_.options.accumulate;
    const std::uint64_t updates = shadow_.host(index).updates;
    if (updates == group) return;
    report(index, "micro-batch " + to_string(id) + " of group " + std::to_string(group) + " was " +
                      what + " after " + std::to_string(updates) + " updates");
  }

  std::vector<HostOrder> hosts_;
};

}  // namespace

CheckerPtr make_order_checker(const CheckerContext& context) {
  return std::make_unique<OrderChecker>(context);
}

}  // namespace brigade::sim
