// A checker watches what hosts are told and what they do, and reports what must not happen.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "sim/checkers/shadow.hpp"
#include "sim/scenario.hpp"
#include "swarm/node.hpp"

namespace brigade::sim {

struct Violation {
  std::string checker;
  std::uint32_t host = 0;
  TimePoint at;
  std::string what;
};

/// Keeps the first violation: what follows it is its consequence.
class Violations {
 public:
  void report(const char* checker, std::uint32_t host, std::string what) {
    if (!first_) first_ = Violation{checker, host, now_, std::move(what)};
  }
  void set_now(TimePoint now) { now_ = now; }
  const std::optional<Violation>& first() const { return first_; }

 private:
  std::optional<Violation> first_;
  TimePoint now_;
};

struct CheckerContext {
  const Scenario& scenario;
  const Shadow& shadow;
  Violations& violations;
};

class Checker {
 public:
  Checker(const CheckerContext& context, const char* name)
      : scenario_(context.scenario),
        shadow_(context.shadow),
        violations_(context.violations),
        name_(name) {}
  virtual ~Checker() = default;
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  virtual void on_start(std::uint32_t, const swarm::StartState&) {}
  virtual void on_crash(std::uint32_t) {}
  /// The shadow knows of the event already.
  virtual void on_event(std::uint32_t, const swarm::Event&) {}
  /// The shadow does not know of the action yet.
  virtual void on_action(std::uint32_t, const swarm::Action&) {}
  /// The core has nothing more to say about the event.
  virtual void on_settled(std::uint32_t, const swarm::Status&) {}
  /// The run ended as it should; it is over at every node.
  virtual void on_end() {}

 protected:
  void report(std::uint32_t host, std::string what) const {
    violations_.report(name_, host, std::move(what));
  }

  const Scenario& scenario_;
  const Shadow& shadow_;

 private:
  Violations& violations_;
  const char* name_;
};

using CheckerPtr = std::unique_ptr<Checker>;

CheckerPtr make_payload_checker(const CheckerContext& context);     // released exactly once
CheckerPtr make_ledger_checker(const CheckerContext& context);      // ends exactly once
CheckerPtr make_order_checker(const CheckerContext& context);       // tasks, one by one, in order
CheckerPtr make_update_checker(const CheckerContext& context);      // versions, groups, staleness
CheckerPtr make_bounds_checker(const CheckerContext& context);      // window, kept, held
CheckerPtr make_receipt_checker(const CheckerContext& context);     // what is believed
CheckerPtr make_checkpoint_checker(const CheckerContext& context);  // consistent cuts, commits
CheckerPtr make_epoch_checker(const CheckerContext& context);       // epochs only grow
CheckerPtr make_report_checker(const CheckerContext& context);      // steps, losses, evaluations
CheckerPtr make_status_checker(const CheckerContext& context);      // what status() says is so

std::vector<CheckerPtr> make_all_checkers(const CheckerContext& context);

}  // namespace brigade::sim
