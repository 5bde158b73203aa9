// What a node says of itself, and what one says of another. Both are signed by who says it; the
// driver checks the signature before the core sees it, and the bytes travel along unopened, so that
// what is passed on is what was signed. What the node itself says leaves the core without bytes:
// the driver signs it as it sends it.
//
// Both are immutable and shared: thousands of simulated nodes hold one copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace brigade::swarm::membership {

/// Orders what a node says of itself: the newest wins. Starts at unix seconds, so that a node that
/// restarts is believed over what is remembered of it; one more whenever it has something to say.
using Incarnation = StrongInt<struct IncarnationTag>;

using SignedBytes = std::shared_ptr<const std::vector<std::byte>>;

enum class Doing : std::uint8_t {
  kSpare,    // waits for a stage
  kServing,  // hosts a replica of `stage`
  kMoving,   // hosts `stage` and will host `target`
  kLeaving,  // hosts `stage` until what is in flight is done
  kGone,     // said goodbye: final for this incarnation
  kDrained,  // takes no work at `stage`, by its owner's wish: it gives copies of what it has
};

struct NodeRecord {
  NodeId id;
  Incarnation incarnation;
  Doing doing = Doing::kSpare;
  std::optional<StageIndex> stage;  // none: of a spare. A node that is gone keeps its last
  StageIndex target;                // kMoving
  bool can_be_dialled = false;
  std::vector<std::string> addresses;
  /// Of a node that can't be dialled: peers that it holds links with, through which it is reached.
  std::vector<NodeId> via;
  std::uint64_t memory_bytes = 0;
  Duration pace{};         // of one micro-batch; zero: not known yet
  bool stays = false;      // its owner chose the stage: it does not move
  bool has_state = false;  // it has a checkpoint of its stage
  SignedBytes proof;
};
using RecordPtr = std::shared_ptr<const NodeRecord>;

/// "I could not reach `subject` while it was in this incarnation."
struct Suspicion {
  NodeId subject;
  Incarnation incarnation;
  NodeId observer;
  SignedBytes proof;
};
using SuspicionPtr = std::shared_ptr<const Suspicion>;

/// The members that gossip together: one group a stage. A spare belongs to the group that its id
/// draws, so that spares are spread evenly.
StageIndex group_of(const NodeRecord& record, std::uint32_t stages);

/// Why no honest node says this; null: it may be true.
const char* fault_of(const NodeRecord& record, std::uint32_t stages);
const char* fault_of(const Suspicion& suspicion);

/// The first eight bytes: ids are hashes, so this names a member among the few thousand that a node
/// knows. Whoever finds two keys with one prefix confuses others about those two nodes alone.
inline std::uint64_t prefix_of(const NodeId& id) {
  std::uint64_t prefix = 0;
  std::memcpy(&prefix, id.bytes.data(), sizeof prefix);
  return prefix;
}

/// But for the incarnation and the signature.
bool says_same(const NodeRecord& a, const NodeRecord& b);

const char* to_string(Doing doing);

}  // namespace brigade::swarm::membership
