// Rare branches of a swarm with replicas, counted while it runs: over the random seeds each must be
// reached, else the seeds prove nothing about it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>

#include "sim/swarm_scenario.hpp"
#include "swarm/action.hpp"
#include "swarm/event.hpp"

namespace brigade::sim {

enum class SwarmBranch : std::uint8_t {
  kKeptForAnother,   // a gradient that was sent to one holder is sent from what was kept to another
  kKeptOverRestart,  // a gradient that was kept over a restart is given to who asks for it
  kMended,
  kMendedBeforeGiven,  // … since the present holder certainly did not have it
  kAdopted,
  kSuspended,
  kResumed,
  kHandedBack,
  kWrittenOff,
  kRefused,     // kBusy
  kSpent,       // kSpent
  kOldPath,     // a message of an older revision than another that came before
  kGoneTold,    // a lost instance named in a beacon
  kAskedFirst,  // a question about what the sender never gave
  kEvaluated,
  kLeft,        // drained, and over
  kLeftInTime,  // at the deadline, with something in its hands
  kAveraged,
  kNotNow,         // a replica does not take part in an exchange
  kShareRejected,  // another's share did not decode
  kLateAnswer,     // to an exchange that was given up
  kStored,         // a checkpoint
  kStoreFailed,
  kRemoved,  // a checkpoint
  kTakenUp,  // by a node that had drained
  kCount,
};
inline constexpr std::size_t kSwarmBranches = static_cast<std::size_t>(SwarmBranch::kCount);
const char* to_string(SwarmBranch branch);

class SwarmBranches {
 public:
  void on_crash(std::uint32_t host);
  void on_taken_up() { add(SwarmBranch::kTakenUp); }
  void on_event(std::uint32_t host, const swarm::Event& event);
  void on_action(std::uint32_t host, const swarm::Action& action);

  std::uint64_t of(SwarmBranch branch) const { return counts_[static_cast<std::size_t>(branch)]; }
  void add(const SwarmBranches& other) {
    for (std::size_t i = 0; i < kSwarmBranches; ++i) counts_[i] += other.counts_[i];
  }

 private:
  void add(SwarmBranch branch) { ++counts_[static_cast<std::size_t>(branch)]; }
  void on_sent(std::uint32_t host, const swarm::Send& send);

  std::array<std::uint64_t, kSwarmBranches> counts_{};
  struct Facts {
    std::map<MicrobatchId, NodeId> gradients;  // sent to whom
    std::set<MicrobatchId> restored;           // kept over a restart, not sent since
    std::map<MicrobatchId, std::uint32_t> revisions;
    std::set<MicrobatchId> given;
    std::set<std::uint64_t> answers;  // payloads of shares, not blended yet
  };
  std::map<std::uint32_t, Facts> hosts_;
};

}  // namespace brigade::sim
