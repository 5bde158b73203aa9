// What becomes of a micro-batch whose next holder, or whose head, is out of contact or lost.
//
// Rules (docs/architecture.md, "Replicas")
// - Only the head changes a path. A giver proposes, with the revision that its proposal changes;
//   the head takes what is about the revision that it knows, and answers anything else with the
//   newest path. While a proposal is under way nothing is given to the present next holder.
// - The next holder is replaced: when its fate is certain; when it certainly does not have the
//   micro-batch (never given, or refused) and can't be reached or will not take it; when it is
//   forgotten, which is counted.
// - A node that has restarted may have kept, beside its checkpoint, the gradient of what it had
//   applied: it is waited for while it restores, kHeirDeadlines at most, and is asked first.
// - What may lie beyond the replaced holder stays on the path: it may have applied the micro-batch.
//   Where nobody can have it beyond, the path goes on as the new holder suggests.
// - Uncertain fate: suspended. The head is told, since it takes no place in the window.
// - Not only what is lost is replaced: a path is chosen when its micro-batch sets out, and the
//   queues of the last stages are others when it gets there. Who begins its forward looks
//   again, and proposes a next holder that is free sooner, while that is under way. Worth it: more
//   than a quarter of a pace, and than the request takes up and down the path.
// - A lost head: the holder at stage 1 asks another head to adopt, one at a time.
// - Requests are repeated, with pauses that double, until the path changes.
// - Lease (peer_book.hpp): what was not applied for a giver that may have forgotten this node is
//   dropped. What was applied stays until it is closed, or nobody is left to close it.
#pragma once

#include "swarm/relay.hpp"

namespace brigade::swarm {

class Mender {
 public:
  Mender(Shared& shared, Relay& relay, PeerBook& peers, PathFinder& finder);

  void on(TimePoint now, const NodeId& from, const PathRequest& request);
  /// Looks after every open micro-batch; after a change of peers, and every beacon interval.
  void tend(TimePoint now);
  /// Its forward begins: where it goes next was chosen before it set out, and may have filled up.
  void reconsider(TimePoint now, Slot slot);
  /// Leases: before anything else is done, after a time in which nothing was.
  void expire(TimePoint now);

 private:
  void tend(TimePoint now, Slot slot);
  void tend_forward(TimePoint now, Slot slot);
  void expire(TimePoint now, Slot slot);
  bool is_coming_back(TimePoint now, const Holder& lost, StageIndex stage) const;
  bool is_silent(TimePoint now, const Holder& head);
  bool is_disowned(TimePoint now, Slot slot) const;
  bool is_headless(TimePoint now, Slot slot);
  void adopt_out(TimePoint now, Slot slot);
  void adopt(TimePoint now, const NodeId& from, const PathRequest& request);
  void let_go(const NodeId& from, const MicrobatchId& id);
  void suspend(TimePoint now, Slot slot);
  void resume(TimePoint now, Slot slot);
  void replan(TimePoint now, Slot slot, const char* reason);
  Path with_next(Slot slot, const std::vector<Holder>& chosen) const;
  void confirm(TimePoint now, Slot slot);
  void take(TimePoint now, Slot slot, const PathRequest& request, const char* reason);
  void decide(TimePoint now, Slot slot, const PathRequest& request);
  /// To the holder before, until the path changes; false: not yet again.
  bool send_up(TimePoint now, Slot slot, PathRequest::Kind kind, Path path);
  bool may_retry(TimePoint now, Slot slot);

  Shared& shared_;
  Relay& relay_;
  PeerBook& peers_;
  PathFinder& finder_;
  Pauses pauses_;
};

}  // namespace brigade::swarm
