// Links that open micro-batches need and that are not there: in a large swarm a node has links with
// some of the replicas beside it, and who takes the place of a lost holder has none, perhaps, with
// the holders before and after it.
//
// Rules
// - Wanted: a link with whoever is before or after this node on the path of a micro-batch that is
//   here, unless that one is gone for certain. What is wanted stays it while any such micro-batch
//   is here, so that a link is not dropped between two of them.
// - Who is wanted and can't be reached is out of contact like any other (Mender).
// Bound: kMostWanted. Cost: a pass over the ledger.
#pragma once

#include <cstddef>
#include <set>

#include "base/ids.hpp"
#include "swarm/peer_book.hpp"
#include "swarm/relay.hpp"
#include "swarm/shared.hpp"

namespace brigade::swarm {

class LinkWishes {
 public:
  static constexpr std::size_t kMostWanted = 64;

  LinkWishes(Shared& shared, Relay& relay, const PeerBook& peers)
      : shared_(shared), relay_(relay), peers_(peers) {}

  /// Says what has changed since the last call (LinkWanted).
  void update();

 private:
  void look_at(const Holder& holder, std::set<NodeId>& wanted) const;

  Shared& shared_;
  Relay& relay_;
  const PeerBook& peers_;
  std::set<NodeId> wanted_;
};

}  // namespace brigade::swarm
