#include "swarm/ledger.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

MicrobatchId train(std::uint64_t sequence, std::uint32_t head = 0) {
  return {Epoch{1}, HeadIndex{head}, Sequence{sequence}, MicrobatchId::Kind::kTrain};
}
MicrobatchId eval(std::uint64_t sequence) {
  return {Epoch{1}, HeadIndex{0}, Sequence{sequence}, MicrobatchId::Kind::kEval};
}

void apply(Ledger& ledger, Slot slot) {
  ledger.move(slot, Life::kForwarding);
  ledger.move(slot, Life::kForwarded);
  ledger.move(slot, Life::kBackwardQueued);
  ledger.move(slot, Life::kBackwarding);
  ledger.move(slot, Life::kApplied);
}

}  // namespace

TEST_CASE("a micro-batch is unknown, open, and applied for ever") {
  Ledger ledger;
  using Standing = Ledger::Standing;
  CHECK(ledger.look_up(train(0)).standing == Standing::kUnknown);
  const Slot slot = ledger.open(train(0), {});
  CHECK(ledger.look_up(train(0)).standing == Standing::kOpen);
  CHECK(ledger.look_up(train(0)).slot == slot);
  CHECK(ledger.counts().in_flight == 1);
  apply(ledger, slot);
  CHECK(ledger.counts().applied == 1);
  CHECK(ledger.counts().kept_gradients == 1);
  CHECK(ledger.look_up(train(0)).standing == Standing::kOpen);
  ledger.close(slot);
  CHECK(ledger.look_up(train(0)).standing == Standing::kApplied);
  CHECK(ledger.watermark() == 1);
}

TEST_CASE("what is forgotten was never drawn and may come again") {
  Ledger ledger;
  const Slot slot = ledger.open(train(0), {});
  ledger.forget(slot);
  CHECK(ledger.counts().drawn == 0);
  CHECK(ledger.look_up(train(0)).standing == Ledger::Standing::kUnknown);
  CHECK(ledger.open(train(0), {}) == slot);
}

TEST_CASE(
    "news of many heads takes no account from one that has work here, nor ends one that had") {
  Ledger ledger(limits::kMaxAppliedAheadReplicas);
  constexpr std::uint64_t kFar = 1'000'000;
  const auto hear_of_others = [&](std::uint32_t first) {
    for (std::uint32_t head = first; head < first + 2 * limits::kMaxHeadsInSwarm; ++head)
      ledger.settle_below(HeadIndex{head}, Sequence{5});
  };
  ledger.settle_below(HeadIndex{0}, Sequence{kFar});
  const Slot first = ledger.open(train(kFar), {});
  hear_of_others(1);
  apply(ledger, first);
  CHECK(ledger.watermark(HeadIndex{0}) == Sequence{kFar + 1});
  ledger.close(first);
  hear_of_others(10'000);  // nothing of it is here: its account may go
  const Slot second = ledger.open(train(kFar + 1), {});
  apply(ledger, second);
  ledger.close(second);
  CHECK(ledger.look_up(train(kFar + 1)).standing == Ledger::Standing::kApplied);
  CHECK(ledger.counts().applied == 2);
}

TEST_CASE("evaluation batches are outside the account") {
  Ledger ledger;
  const Slot slot = ledger.open(eval(0), {});
  ledger.open(train(0), {});
  CHECK(ledger.counts().evaluations == 1);
  CHECK(ledger.counts().drawn == 1);
  ledger.move(slot, Life::kForwarding);
  ledger.move(slot, Life::kApplied);
  ledger.close(slot);
  CHECK(ledger.counts().applied == 0);
  CHECK(ledger.look_up(eval(0)).standing == Ledger::Standing::kUnknown);
}

TEST_CASE("every head has an account of its own") {
  Ledger ledger;
  for (const std::uint32_t head : {0U, 3U}) {
    const Slot slot = ledger.open(train(0, head), {});
    apply(ledger, slot);
    ledger.close(slot);
    CHECK(ledger.look_up(train(0, head)).standing == Ledger::Standing::kApplied);
    CHECK(ledger.look_up(train(1, head)).standing == Ledger::Standing::kUnknown);
  }
  CHECK(ledger.watermark() == 2);
  CHECK(ledger.applied_from(Sequence{0}).size() == 2);
}

TEST_CASE("the ledger refuses what is beyond its bounds") {
  Ledger ledger;
  CHECK(ledger.look_up(train(limits::kMaxAppliedAhead)).standing == Ledger::Standing::kRefused);
  for (std::uint64_t i = 0; i < limits::kMaxInFlight; ++i) ledger.open(train(i, 1), {});
  CHECK(ledger.look_up(train(0)).standing == Ledger::Standing::kRefused);
  CHECK(ledger.look_up(eval(0)).standing == Ledger::Standing::kUnknown);
}

TEST_CASE("a new epoch starts with nothing drawn and nothing applied") {
  Ledger ledger;
  apply(ledger, ledger.open(train(0), {}));
  ledger.open(train(1), {});
  ledger.restart();
  CHECK(ledger.counts().drawn == 0);
  CHECK(ledger.counts().in_flight == 0);
  CHECK(ledger.watermark() == 0);
  CHECK(ledger.look_up(train(0)).standing == Ledger::Standing::kUnknown);
}

}  // namespace brigade::swarm
