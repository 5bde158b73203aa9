// Checkers of swarms with replicas: they see what hosts are told and what they do, never the cores.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/checkers/checker.hpp"
#include "sim/swarm_scenario.hpp"

namespace brigade::sim {

class SwarmChecker {
 public:
  SwarmChecker(const SwarmScenario& scenario, Violations& violations, const char* name)
      : scenario_(scenario), violations_(violations), name_(name) {}
  virtual ~SwarmChecker() = default;
  SwarmChecker(const SwarmChecker&) = delete;
  SwarmChecker& operator=(const SwarmChecker&) = delete;

  virtual void on_start(std::uint32_t, std::uint64_t /*instance*/) {}
  virtual void on_crash(std::uint32_t) {}
  virtual void on_event(std::uint32_t, const swarm::Event&) {}
  virtual void on_action(std::uint32_t, const swarm::Action&) {}
  virtual void on_settled(std::uint32_t, const swarm::Status&) {}
  virtual void on_end() {}

 protected:
  void report(std::uint32_t host, std::string what) const {
    violations_.report(name_, host, std::move(what));
  }
  std::uint32_t stage_of(std::uint32_t host) const { return scenario_.stage_of(host); }

  const SwarmScenario& scenario_;

 private:
  Violations& violations_;
  const char* name_;
};

/// What a device computes.
bool is_task(const swarm::Action& action);
bool is_task_answer(const swarm::Event& event);

using SwarmCheckerPtr = std::unique_ptr<SwarmChecker>;

std::vector<SwarmCheckerPtr> make_swarm_checkers(const SwarmScenario& scenario,
                                                 Violations& violations);

// No id is applied twice at a stage, none of a live head is lost.
SwarmCheckerPtr make_swarm_once_checker(const SwarmScenario& scenario, Violations& violations);
// Every payload is released exactly once, and none is used after that.
SwarmCheckerPtr make_swarm_payload_checker(const SwarmScenario& scenario, Violations& violations);
// One task at a time; taken = applied + in flight + handed back; windows and other bounds.
SwarmCheckerPtr make_swarm_account_checker(const SwarmScenario& scenario, Violations& violations);
// Exchanges between replicas end, one at a time; positions never fall; checkpoints are cuts.
SwarmCheckerPtr make_swarm_average_checker(const SwarmScenario& scenario, Violations& violations);

}  // namespace brigade::sim
