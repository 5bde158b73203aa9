// The middle of three stages in a swarm with replicas, with its neighbours and its engine played by
// hand: one node before and two after.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "swarm/node.hpp"
#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm::test {

struct Rig {
  const Holder head{node_id(10), 100};
  const Holder self{node_id(20), 200};
  const Holder tail{node_id(30), 300};
  const Holder other{node_id(31), 310};
  TimePoint now{std::chrono::seconds{10}};
  std::optional<Node> node;
  std::vector<Action> actions;

  /// Restored with what was kept; without that it still restores.
  explicit Rig(const std::function<void(Options&)>& tweak = {}, StartState start = {},
               std::optional<Kept> kept = Kept{}) {
    Options options;
    options.has_replicas = true;
    options.self = self.node;
    options.instance = self.instance;
    options.stage = StageIndex{1};
    options.stages = 3;
    if (tweak) tweak(options);
    node.emplace(options, std::move(start), now);
    handle(Tick{});
    handle(StartFrom{{options.epoch, 0}});
    if (kept) handle(RestoreDone{{}, true, Version{}, std::move(*kept)});
    handle(LinkUp{head.node, StageIndex{0}, head.instance});
    for (const Holder& after : {tail, other}) {
      handle(LinkUp{after.node, StageIndex{2}, after.instance});
      tell(after);
    }
  }
  void tell(const Holder& from) {
    NodeBeacon beacon;
    beacon.is_ready = true;
    beacon.offer.path = {from};
    handle(Received{from.node, beacon});
  }
  void handle(const Event& event) {
    actions.clear();
    node->handle(now, event);
    while (auto action = node->poll_action()) actions.push_back(std::move(*action));
  }
  static MicrobatchId id(std::uint64_t sequence) {
    return {Epoch{1}, HeadIndex{100}, Sequence{sequence}, MicrobatchId::Kind::kTrain};
  }
  static Payload bytes(std::uint64_t payload) { return {PayloadId{payload}, 64, payload}; }
  Path path(const Holder& last, std::uint32_t revision = 0) const {
    return {{head, self, last}, revision, 2, Sequence{0}};
  }
  void forward(std::uint64_t sequence, const Path& path, std::uint32_t attempt = 1) {
    handle(Received{head.node, Forward{id(sequence),
                                       Attempt{attempt},
                                       {Sequence{sequence}, 1},
                                       bytes(1000 + 10 * sequence + attempt),
                                       path}});
  }
  void receipt(const Holder& from, std::uint64_t sequence, Direction direction,
               std::uint32_t attempt, Receipt::Kind kind) {
    handle(Received{from.node, Receipt{id(sequence), direction, Attempt{attempt}, kind}});
  }
  /// Up to the gradient on its way to the head.
  void apply(std::uint64_t sequence) {
    forward(sequence, path(tail));
    handle(ForwardDone{id(sequence), bytes(3000 + sequence), {}});
    receipt(tail, sequence, Direction::kForward, 1, Receipt::Kind::kReceived);
    handle(Received{tail.node,
                    Backward{id(sequence), Attempt{1}, {1, 1}, {}, bytes(4000 + sequence)}});
    handle(BackwardDone{id(sequence), bytes(5000 + sequence)});
  }
  template <class T>
  const T* did() const {
    for (const Action& action : actions) {
      if (const auto* it = std::get_if<T>(&action)) return it;
    }
    return nullptr;
  }
  template <class T>
  const T* sent(const Holder& to) const {
    for (const Action& action : actions) {
      const auto* send = std::get_if<Send>(&action);
      if (send == nullptr || send->to != to.node) continue;
      if (const auto* it = std::get_if<T>(&send->message)) return it;
    }
    return nullptr;
  }
  std::optional<Receipt::Kind> answer(const Holder& to) const {
    const auto* receipt = sent<Receipt>(to);
    return receipt == nullptr ? std::nullopt : std::optional(receipt->kind);
  }
};

}  // namespace brigade::swarm::test
