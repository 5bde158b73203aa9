// One node's membership, with its peers played by hand.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "swarm/membership/membership.hpp"
#include "tests/unit/membership/members.hpp"

namespace brigade::swarm::membership::test {

inline constexpr std::uint32_t kSelf = 1000;

class Rig {
 public:
  explicit Rig(std::uint32_t stages = 3, void (*change)(Options&) = nullptr)
      : core_(options(stages, change), now_), stages_(stages) {}

  /// A link with a peer that has greeted.
  void link(std::uint32_t number, std::uint32_t stage = 1, std::uint64_t incarnation = 1) {
    handle(LinkUp{node(number), true});
    say(number, Hello{share(serving(number, stage, incarnation)), all(), {}});
  }
  void say(std::uint32_t number, Message message) {
    handle(Received{node(number), std::move(message)});
  }
  void rumour(std::uint32_t number, Rumour rumour) { say(number, Gossip{all(), {rumour}, {}}); }
  void handle(const Event& event) {
    core_.handle(now_, event);
    collect();
  }
  /// Rounds of nothing but time; each peer in `alive` shows a sign of life in each.
  void pass(Duration time, const std::vector<std::uint32_t>& alive = {}) {
    const TimePoint end = now_ + time;
    while (core_.next_wakeup() <= end) {
      now_ = std::max(now_, core_.next_wakeup());
      for (const std::uint32_t number : alive) say(number, ProbeAck{});
      handle(Tick{});
    }
    now_ = end;
  }
  void jump(Duration time) { now_ += time; }

  template <class T>
  std::vector<T> all_of() const {
    std::vector<T> found;
    for (const Action& action : actions_) {
      if (const auto* wanted = std::get_if<T>(&action)) found.push_back(*wanted);
    }
    return found;
  }
  template <class T>
  std::vector<T> sent_to(std::uint32_t number) const {
    std::vector<T> found;
    for (const Send& send : all_of<Send>()) {
      const auto* wanted = std::get_if<T>(&send.message);
      if (wanted && send.to == node(number)) found.push_back(*wanted);
    }
    return found;
  }
  /// Rumours of type T that this peer was told.
  template <class T>
  std::vector<T> told(std::uint32_t number) const {
    std::vector<T> found;
    for (const Gossip& gossip : sent_to<Gossip>(number)) {
      for (const Rumour& rumour : gossip.rumours) {
        if (const auto* wanted = std::get_if<T>(&rumour)) found.push_back(*wanted);
      }
    }
    return found;
  }
  void forget() { actions_.clear(); }
  const char* standing(std::uint32_t number) const {
    const View::Slot slot = core_.view().find(node(number));
    return slot == View::kNone ? "unknown" : to_string(core_.view().at(slot).standing);
  }
  Status status() const { return core_.status(now_); }
  const Membership& core() const { return core_; }
  TimePoint now() const { return now_; }

 private:
  static Options options(std::uint32_t stages, void (*change)(Options&)) {
    Options options;
    options.self = node(kSelf);
    options.stages = stages;
    options.stage = StageIndex{stages / 2};
    options.can_be_dialled = true;
    options.addresses = {"192.0.2.9:7400"};
    options.incarnation = Incarnation{100};
    if (change) change(options);
    return options;
  }
  Interest all() const { return {StageIndex{0}, StageIndex{stages_ - 1}}; }
  void collect() {
    while (auto action = core_.poll_action()) actions_.push_back(std::move(*action));
  }

  TimePoint now_{};
  Membership core_;
  std::uint32_t stages_;
  std::vector<Action> actions_;
};

}  // namespace brigade::swarm::membership::test
