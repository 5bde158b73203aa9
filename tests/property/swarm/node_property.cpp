// A node whose neighbours say anything at all: it never aborts, applies nothing twice, asks for one
// compute task at a time, and releases every payload exactly once.
#include "swarm/node.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "tests/property/swarm/seeds.hpp"

namespace brigade::swarm::test {
namespace {

NodeId node_id(std::uint64_t stage) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(stage + 1);
  return id;
}

bool is_task_answer(const Event& event) {
  return std::holds_alternative<ForwardDone>(event) ||
         std::holds_alternative<BackwardDone>(event) || std::holds_alternative<UpdateDone>(event) ||
         std::holds_alternative<SnapshotTaken>(event) ||
         std::holds_alternative<RestoreDone>(event) || std::holds_alternative<InputRejected>(event);
}

class Babel {
 public:
  explicit Babel(std::uint64_t seed) : random_(seed) {
    options_.self = node_id(99);
    options_.stages = static_cast<std::uint32_t>(1 + random_.below(4));
    options_.stage = StageIndex{static_cast<std::uint32_t>(random_.below(options_.stages))};
    options_.seed = seed;
    options_.window = static_cast<std::uint32_t>(1 + random_.below(8));
    options_.accumulate = static_cast<std::uint32_t>(1 + random_.below(4));
    options_.schedule = random_.chance(0.3) ? Schedule::kGpipe : Schedule::kAsync;
    options_.lock_step = random_.chance(0.3);
    options_.steps = random_.below(60);
    options_.checkpoint_every = random_.below(12);
    options_.eval_every = random_.below(12);
    options_.eval_batches = static_cast<std::uint32_t>(random_.below(4));
    options_.final_eval_batches = static_cast<std::uint32_t>(random_.below(4));
    options_.may_start_over = random_.chance(0.5);
    StartState start;
    start.max_epoch = Epoch{static_cast<std::uint32_t>(random_.below(2))};
    node_.emplace(options_, start, now_);
  }

  void play(int events) {
    for (int i = 0; i < events; ++i) {
      if (!answers_.empty() && random_.chance(0.5)) {
        const std::size_t at = random_.below(answers_.size());
        const Event answer = answers_[at];
        answers_.erase(answers_.begin() + static_cast<std::ptrdiff_t>(at));
        handle(answer);
      } else {
        now_ += std::chrono::milliseconds{random_.below(random_.chance(0.02) ? 9000 : 40)};
        handle(random_event());
      }
    }
  }

 private:
  MicrobatchId random_id() {
    MicrobatchId id;
    const std::uint32_t epoch = node_->status().epoch.value();
    id.epoch = Epoch{random_.chance(0.9) ? epoch : static_cast<std::uint32_t>(random_.below(5))};
    const std::uint64_t newest = node_->status().applied + 6;
    id.sequence = Sequence{random_.chance(0.97) ? random_.below(newest) : random_()};
    if (random_.chance(0.15)) id.kind = MicrobatchId::Kind::kEval;
    if (random_.chance(0.02)) id.head = HeadIndex{static_cast<std::uint32_t>(random_())};
    return id;
  }
  Payload payload() {
    if (random_.chance(0.02)) return {};
    return {PayloadId{++last_payload_}, 10, 0};
  }
  Attempt attempt() { return Attempt{static_cast<std::uint32_t>(random_.below(4))}; }
  CheckpointId checkpoint() {
    const Epoch epoch{static_cast<std::uint32_t>(random_.below(4))};
    return {epoch, random_.chance(0.9) ? random_.below(20) : random_()};
  }

  UpBeacon up_beacon() {
    UpBeacon beacon;
    const Epoch epoch = node_->status().epoch;
    const bool is_good = random_.chance(0.8);
    beacon.epoch = is_good ? epoch : Epoch{static_cast<std::uint32_t>(random_.below(6))};
    beacon.max_epoch = std::max(beacon.epoch, Epoch{static_cast<std::uint32_t>(random_.below(3))});
    beacon.needs_epoch = random_.chance(is_good ? 0.02 : 0.5);
    beacon.is_ready = random_.chance(0.9);
    beacon.wants_stop = random_.chance(0.005);
    beacon.is_drained = random_.chance(0.5);
    beacon.stages = options_.stages - 1 - options_.stage.value();
    if (!is_good) beacon.stages = static_cast<std::uint32_t>(random_.below(6));
    for (std::uint64_t i = random_.below(4); i > 0; --i) beacon.offers.push_back(checkpoint());
    std::sort(beacon.offers.begin(), beacon.offers.end(), std::greater<>{});
    beacon.offers.push_back({});
    beacon.newest = checkpoint();
    return beacon;
  }
  Load load() {  // often not one that can be
    const auto any = [&] { return Duration{static_cast<Duration::rep>(random_.below(1'000'000))}; };
    return {StageIndex{static_cast<std::uint32_t>(random_.below(6))}, any(), any(), any()};
  }
  DownBeacon down_beacon() {
    DownBeacon beacon;
    const std::uint32_t next = node_->status().epoch.value() + random_.chance(0.1);
    beacon.epoch =
        Epoch{random_.chance(0.97) ? std::max(next, 1U) : static_cast<std::uint32_t>(random_())};
    if (random_.chance(0.1)) beacon.from = checkpoint();
    if (random_.chance(0.01)) beacon.final_position = random_.below(100);
    beacon.committed = checkpoint();
    beacon.is_over = random_.chance(0.001);
    beacon.is_sealed = random_.chance(0.05);
    return beacon;
  }

  Event random_event() {
    const std::uint64_t stage = options_.stage.value();
    const NodeId before = node_id(stage == 0 ? 50 : stage - 1);
    const NodeId after = node_id(stage + 1);
    const bool is_right = random_.chance(0.95);
    const NodeId from_before = is_right ? before : node_id(random_.below(6));
    const NodeId from_after = is_right ? after : node_id(random_.below(6));
    const auto direction = random_.chance(0.5) ? Direction::kForward : Direction::kBackward;
    const NodeId either = direction == Direction::kForward ? from_after : from_before;
    switch (random_.below(12)) {
      case 0:
        return Tick{};
      case 1:
        return random_.chance(0.3)
                   ? Event(LinkDown{random_.chance(0.5) ? before : after})
                   : Event(LinkUp{before, StageIndex{static_cast<std::uint32_t>(stage - 1)}});
      case 2:
        return LinkUp{after, StageIndex{static_cast<std::uint32_t>(stage + 1)}};
      case 3:
      case 4:
      case 5: {
        const MicrobatchId id = random_id();
        const std::uint32_t size = options_.schedule == Schedule::kGpipe ? options_.accumulate : 1;
        const Group group{Sequence{id.sequence.value() / size * size}, size};
        return receive(from_before, Forward{id, attempt(), group, payload()});
      }
      case 6:
      case 7:
        return receive(from_after, Backward{random_id(), attempt(), {1, 1}, load(), payload()});
      case 8:
        if (!sent_.empty() && random_.chance(0.9)) return answer_to_sent();
        return receive(either, Receipt{random_id(), direction, attempt(),
                                       static_cast<Receipt::Kind>(random_.below(5))});
      case 9:
        return receive(direction == Direction::kForward ? from_before : from_after,
                       Query{random_id(), direction, attempt()});
      case 10:
        return receive(from_after, up_beacon());
      default:
        if (random_.chance(0.002)) return StopRequested{now_ + std::chrono::seconds{5}};
        return receive(from_before, down_beacon());
    }
  }
  /// Any receipt for something that the node did say, from the peer that it was said to.
  Event answer_to_sent() {
    const std::size_t at = random_.below(sent_.size());
    const auto& [to, receipt] = sent_[at];
    Receipt answer = receipt;
    answer.kind = static_cast<Receipt::Kind>(random_.below(5));
    return receive(to, answer);
  }
  void remember(const NodeId& to, const Receipt& receipt) {
    sent_.emplace_back(to, receipt);
    if (sent_.size() > 12) sent_.pop_front();
  }
  static Event receive(const NodeId& from, Message message) {
    return Received{from, std::move(message)};
  }

  void own(const Payload& payload) {
    if (!payload.is_empty()) held_.insert(payload.id.value());
  }
  void handle(const Event& event) {
    if (const auto* received = std::get_if<Received>(&event)) {
      if (const auto* it = std::get_if<Forward>(&received->message)) own(it->payload);
      if (const auto* it = std::get_if<Backward>(&received->message)) own(it->payload);
    }
    if (const auto* it = std::get_if<ForwardDone>(&event)) own(it->output);
    if (const auto* it = std::get_if<BackwardDone>(&event)) own(it->gradient);
    if (is_task_answer(event)) is_computing_ = false;
    node_->handle(now_, event);
    while (const auto action = node_->poll_action()) {
      std::visit([&](const auto& it) { act(it); }, *action);
    }
    const Status status = node_->status();
    REQUIRE(status.drawn == status.applied + status.in_flight);
    REQUIRE(status.in_flight <= limits::kMaxInFlight);
    REQUIRE(status.is_computing == is_computing_);
    REQUIRE(node_->next_wakeup() > now_);
  }

  void compute(Event answer) {
    REQUIRE_FALSE(is_computing_);
    is_computing_ = true;
    answers_.push_back(std::move(answer));
  }
  bool is_held(const Payload& payload) const { return held_.contains(payload.id.value()); }

  void act(const Release& action) { REQUIRE(held_.erase(action.payload.value()) == 1); }
  void act(const Send& action) {
    if (const auto* it = std::get_if<Forward>(&action.message)) {
      REQUIRE(is_held(it->payload));
      remember(action.to, {it->id, Direction::kForward, it->attempt, {}});
    }
    if (const auto* it = std::get_if<Query>(&action.message)) {
      remember(action.to, {it->id, it->direction, it->attempt, {}});
    }
    if (const auto* it = std::get_if<Backward>(&action.message)) {
      remember(action.to, {it->id, Direction::kBackward, it->attempt, {}});
      const bool is_train = it->id.kind == MicrobatchId::Kind::kTrain;
      REQUIRE(is_held(it->payload) == is_train);
    }
  }
  void act(const RunForward& action) {
    REQUIRE((action.input.is_empty() || is_held(action.input)));
    if (options_.stage.value() > 0 && random_.chance(0.05)) {
      return compute(InputRejected{action.id, Direction::kForward});
    }
    if (action.keeps) kept_.insert(action.id);
    const bool is_tail = options_.stage.value() + 1 == options_.stages;
    compute(ForwardDone{action.id, is_tail ? Payload{} : full_payload(), {1, 1}});
  }
  void act(const RunBackward& action) {
    REQUIRE(kept_.contains(action.id));
    const bool is_tail = options_.stage.value() + 1 == options_.stages;
    REQUIRE((action.gradient.is_empty() ? is_tail : is_held(action.gradient)));
    if (!is_tail && random_.chance(0.05)) {
      return compute(InputRejected{action.id, Direction::kBackward});
    }
    kept_.erase(action.id);
    REQUIRE(applied_.insert(action.id).second);
    const bool is_head = options_.stage.value() == 0;
    compute(BackwardDone{action.id, is_head ? Payload{} : full_payload()});
  }
  void act(const RunUpdate& action) { compute(UpdateDone{action.version.next()}); }
  void act(const RunSnapshot& action) { compute(SnapshotTaken{action.checkpoint}); }
  void act(const RunRestore& action) {
    kept_.clear();
    compute(RestoreDone{action.checkpoint, random_.chance(0.9), Version{3}});
  }
  void act(const Forget& action) { REQUIRE(kept_.erase(action.id) == 1); }
  void act(const StoreSnapshot& action) {
    answers_.push_back(SnapshotStored{action.checkpoint, random_.chance(0.8)});
  }
  template <class Other>
  void act(const Other&) {}

  Payload full_payload() { return {PayloadId{++last_payload_}, 10, 0}; }

  Random random_;
  Options options_;
  TimePoint now_{};
  std::optional<Node> node_;
  std::deque<Event> answers_;
  std::deque<std::pair<NodeId, Receipt>> sent_;
  std::set<std::uint64_t> held_;
  std::set<MicrobatchId> kept_;
  std::set<MicrobatchId> applied_;
  bool is_computing_ = false;
  std::uint64_t last_payload_ = 0;
};

}  // namespace

TEST_CASE("whatever its neighbours say, a node keeps its promises") {
  for_seeds(300, [](std::uint64_t seed) { Babel(seed).play(2500); });
}

}  // namespace brigade::swarm::test
