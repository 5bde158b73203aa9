// The middle node of a line of three, with both neighbours, the engine and the disk played by hand.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "swarm/node.hpp"
#include "tests/catch.hpp"
#include "tests/unit/swarm/line_rig.hpp"

namespace brigade::swarm::test {

class Solo {
 public:
  explicit Solo(const std::function<void(Options&)>& tweak = {}, StartState start = {}) {
    options.self = node_id(1);
    options.stage = StageIndex{1};
    options.stages = 3;
    if (tweak) tweak(options);
    node.emplace(options, std::move(start), now);
  }

  /// Links, an epoch, restored, stored: ready to work.
  void make_ready(Epoch epoch = Epoch{1}) {
    handle(LinkUp{before, StageIndex{0}});
    handle(LinkUp{after, StageIndex{2}});
    hear_down(epoch);
    handle(RestoreDone{{}, true, Version{}});
    handle(SnapshotTaken{{epoch, 0}});
    handle(SnapshotStored{{epoch, 0}, true});
    UpBeacon ready;
    ready.epoch = ready.max_epoch = epoch;
    ready.is_ready = true;
    ready.stages = 1;
    handle(Received{after, ready});
    actions.clear();
  }
  void hear_down(Epoch epoch, bool is_sealed = false) {
    DownBeacon beacon;
    beacon.epoch = epoch;
    beacon.is_sealed = is_sealed;
    handle(Received{before, beacon});
  }

  void handle(const Event& event) {
    actions.clear();
    node->handle(now, event);
    while (auto action = node->poll_action()) {
      if (const auto* release = std::get_if<Release>(&*action)) {
        CHECK(released.insert(release->payload.value()).second);
      }
      actions.push_back(std::move(*action));
    }
  }
  void pass(Duration span) {
    now += span;
    handle(Tick{});
  }

  // What the neighbours say.
  void forward(std::uint64_t sequence, std::uint32_t attempt = 1, std::uint64_t payload = 0) {
    handle(Received{before, Forward{id(sequence),
                                    Attempt{attempt},
                                    {Sequence{sequence}, 1},
                                    bytes(payload != 0 ? payload : 1000 + sequence)}});
  }
  void backward(std::uint64_t sequence, std::uint32_t attempt = 1, std::uint64_t payload = 0) {
    handle(Received{after, Backward{id(sequence),
                                    Attempt{attempt},
                                    {1.5, 1},
                                    load_after,
                                    bytes(payload != 0 ? payload : 2000 + sequence)}});
  }
  void receipt(const NodeId& from, std::uint64_t sequence, Direction direction,
               std::uint32_t attempt, Receipt::Kind kind) {
    handle(Received{from, Receipt{id(sequence), direction, Attempt{attempt}, kind}});
  }
  void query(const NodeId& from, std::uint64_t sequence, Direction direction,
             std::uint32_t attempt = 1) {
    handle(Received{from, Query{id(sequence), direction, Attempt{attempt}}});
  }
  // What the engine says.
  void forwarded(std::uint64_t sequence, std::uint64_t payload = 0) {
    handle(ForwardDone{id(sequence), bytes(payload != 0 ? payload : 3000 + sequence), {}});
  }
  void backwarded(std::uint64_t sequence) {
    handle(BackwardDone{id(sequence), bytes(4000 + sequence)});
  }
  void updated() { handle(UpdateDone{node->status().version.next()}); }
  /// A micro-batch up to its gradient on its way to the stage before.
  void apply(std::uint64_t sequence) {
    forward(sequence);
    forwarded(sequence);
    receipt(after, sequence, Direction::kForward, 1, Receipt::Kind::kReceived);
    backward(sequence);
    backwarded(sequence);
  }

  // What the node said in answer to the last event.
  template <class T>
  const T* find() const {
    for (const Action& action : actions) {
      if (const auto* it = std::get_if<T>(&action)) return it;
    }
    return nullptr;
  }
  template <class T>
  const T* sent(const NodeId& to) const {
    for (const Action& action : actions) {
      const auto* send = std::get_if<Send>(&action);
      if (send == nullptr || send->to != to) continue;
      if (const auto* it = std::get_if<T>(&send->message)) return it;
    }
    return nullptr;
  }
  std::optional<Receipt::Kind> answer(const NodeId& to) const {
    const auto* it = sent<Receipt>(to);
    return it == nullptr ? std::nullopt : std::optional(it->kind);
  }
  bool has_released(std::uint64_t payload) const { return released.contains(payload); }

  static MicrobatchId id(std::uint64_t sequence, std::uint32_t epoch = 1) {
    return {Epoch{epoch}, HeadIndex{0}, Sequence{sequence}, MicrobatchId::Kind::kTrain};
  }
  static Payload bytes(std::uint64_t payload) { return {PayloadId{payload}, 64, payload}; }

  Options options;
  Load load_after{};  // comes with each gradient
  TimePoint now{};
  NodeId before = node_id(0);
  NodeId after = node_id(2);
  std::optional<Node> node;
  std::vector<Action> actions;
  std::set<std::uint64_t> released;
};

}  // namespace brigade::swarm::test
