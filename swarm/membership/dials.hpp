// Dials under way, and peers that could not be dialled: those wait, with pauses that double up to
// what the caller says.
//
// Bounds: limits::kMaxDials under way; kMostFailed failures remembered, then the next one to be
// allowed is forgotten. Cost: a walk over both for each question.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "swarm/membership/action.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::swarm::membership {

class Dials {
 public:
  static constexpr std::size_t kMostFailed = 128;
  static constexpr Duration kFirstPause = std::chrono::seconds{4};

  /// False: it can't be dialled, already is, failed lately, or the bound is reached.
  bool begin(TimePoint now, const RecordPtr& record, TimePoint deadline, const char* reason,
             Actions& actions);
  bool is_under_way(std::uint64_t prefix) const;
  bool may_begin(TimePoint now, const NodeRecord& record) const;
  void connect(std::uint64_t prefix);  // perhaps it has no room: its failures are remembered
  void succeed(std::uint64_t prefix);  // it greeted
  void fail(TimePoint now, std::uint64_t prefix, Duration longest_pause, Random& random);
  /// The driver owes an answer to each dial; those that it forgot fail here.
  void expire(TimePoint now, std::vector<NodeId>& failed);
  std::size_t under_way() const { return pending_.size(); }

 private:
  struct Pending {
    NodeId peer;
    std::uint64_t prefix;
    TimePoint deadline;
  };
  struct Failed {
    std::uint64_t prefix;
    TimePoint until;
    Duration pause;
  };
  std::vector<Pending> pending_;
  std::vector<Failed> failed_;
};

}  // namespace brigade::swarm::membership
