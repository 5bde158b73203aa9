// Who may be linked with whom, as pure decisions: is this Hello acceptable, in which codec tensors
// travel, which of two links is kept, when to dial again. Every refusal comes with the words that
// both ends log.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "daemon/frame.hpp"

namespace brigade::daemon {

/// A node and what its Hello says.
struct Introduction {
  NodeId id;
  Hello hello;
};

/// kProtocol with a reason that reads the same at both ends: it goes into the Goodbye.
/// `expected_stage`: of a peer that the configuration names; a member may host any.
Result<> check_hello(const Introduction& own, const Introduction& peer,
                     std::optional<StageIndex> expected_stage);

/// The codec of tensors on a link: the one that the swarm wishes for, if both ends decode it, else
/// fp32. Both ends come to the same answer.
Codec agree_on_codec(Codec wished, const Hello& own, const Hello& peer);

/// One of two links with the same peer, as the two nodes see it alike.
struct LinkClaim {
  NodeId dialler;
  std::chrono::nanoseconds age{};  // since both Hellos were exchanged; a new one: 0
};

/// True if `fresh` replaces `kept`. When both nodes dial at once, the link dialled by the smaller
/// id stays. A link older than `settled` was no race: whoever dials again has lost it, so the
/// fresh one stays.
bool does_replace(const LinkClaim& fresh, const LinkClaim& kept, std::chrono::nanoseconds settled);

/// Pauses between dials of one peer: doubling, with jitter so that nodes that fell together do not
/// rise together.
class Redial {
 public:
  struct Options {
    std::chrono::nanoseconds first = std::chrono::milliseconds{100};
    std::chrono::nanoseconds longest = std::chrono::seconds{15};
  };
  Redial(Options options, std::uint64_t seed) : options_(options), random_(seed) {}

  /// Between half and the whole of the pause that the failures so far have earned.
  std::chrono::nanoseconds next_pause();
  void reset() { failures_ = 0; }

 private:
  Options options_;
  Random random_;
  unsigned failures_ = 0;
};

}  // namespace brigade::daemon
