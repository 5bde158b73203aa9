// Rare branches of the protocol, counted while it runs: over the random seeds each must be reached,
// else the seeds prove nothing about it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sim/checkers/shadow.hpp"

namespace brigade::sim {

enum class Branch : std::uint8_t {
  kForwardRepeated,
  kGradientRepeated,  // a repeat answered from the kept gradient
  kForwardedAgain,    // on the newest weights: the next stage lost or could not read it
  kDuplicateForward,
  kDuplicateGradient,
  kQueried,
  kAnsweredReceived,
  kAnsweredApplied,
  kAnsweredMissing,
  kAnsweredBusy,
  kAnsweredRejected,
  kForwardRejected,
  kGradientRejected,
  kStaleReceipt,
  kOldEpochMessage,
  kAppliedAhead,  // a snapshot that lists micro-batches beyond its position
  kStoreFailed,
  kRestoreFailed,
  kCheckpointRemoved,
  kPartialGroup,
  kEpochHealed,  // training went on in a later epoch
  kHeadRestarted,
  kLinkDownInFlight,
  kStopped,
  kCount,
};

inline constexpr std::size_t kBranches = static_cast<std::size_t>(Branch::kCount);
const char* to_string(Branch branch);

class BranchCounts {
 public:
  void add(Branch branch) { ++counts_[static_cast<std::size_t>(branch)]; }
  std::uint64_t of(Branch branch) const { return counts_[static_cast<std::size_t>(branch)]; }
  void add(const BranchCounts& other) {
    for (std::size_t i = 0; i < kBranches; ++i) counts_[i] += other.counts_[i];
  }

 private:
  std::array<std::uint64_t, kBranches> counts_{};
};

/// Counts the branches that an event or an action takes; `shadow` does not know of either yet.
void count_branches(const Shadow& shadow, std::uint32_t host, const swarm::Event& event,
                    BranchCounts& counts);
void count_branches(const Scenario& scenario, const Shadow& shadow, std::uint32_t host,
                    const swarm::Action& action, BranchCounts& counts);

}  // namespace brigade::sim
