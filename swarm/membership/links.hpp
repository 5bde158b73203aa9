// The links that a node has now, with what it knows of the peer at the other end.
//
// Bounds: limits::kMaxLinks. Cost: a walk over the links for each look-up: they are a few dozen.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/membership/message.hpp"

namespace brigade::swarm::membership {

struct Link {
  NodeId peer;
  std::uint64_t prefix = 0;
  /// Stands for it in what rumours remember. None beyond 64 links: those hear some news twice.
  std::uint64_t bit = 0;
  Interest interest;
  TimePoint up_at;
  TimePoint heard_at;
  TimePoint probed_at = kNever;  // kNever: it has answered
  bool is_doubted = false;       // since it was probed
  bool was_dialled_here = false;
  bool has_greeted = false;
};

class Links {
 public:
  Link* find(const NodeId& peer) {
    const auto found = std::find_if(links_.begin(), links_.end(),
                                    [&](const Link& link) { return link.peer == peer; });
    return found == links_.end() ? nullptr : &*found;
  }
  bool has(const NodeId& peer) { return find(peer) != nullptr; }
  Link& add(Link link) {
    std::uint64_t used = 0;
    for (const Link& other : links_) used |= other.bit;
    const int free = std::countr_one(used);
    link.bit = free < 64 ? std::uint64_t{1} << free : 0;
    return links_.emplace_back(link);
  }
  bool remove(const NodeId& peer) {
    Link* found = find(peer);
    if (!found) return false;
    *found = links_.back();
    links_.pop_back();
    return true;
  }
  std::vector<Link>& all() { return links_; }
  const std::vector<Link>& all() const { return links_; }
  bool is_empty() const { return links_.empty(); }

  // Links that training needs, whether they are up or not.
  bool is_pinned(const NodeId& peer) const {
    return std::binary_search(pins_.begin(), pins_.end(), peer);
  }
  void pin(const NodeId& peer) {
    const auto place = std::lower_bound(pins_.begin(), pins_.end(), peer);
    if (place == pins_.end() || *place != peer) pins_.insert(place, peer);
  }
  void unpin(const NodeId& peer) { std::erase(pins_, peer); }
  const std::vector<NodeId>& pins() const { return pins_; }

 private:
  std::vector<Link> links_;
  std::vector<NodeId> pins_;  // sorted
};

}  // namespace brigade::swarm::membership
