#include "swarm/checkpoint_book.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

using std::chrono::seconds;

constexpr TimePoint kNow{};

Options every(std::uint64_t microbatches, std::uint32_t accumulate = 1) {
  Options options;
  options.checkpoint_every = microbatches;
  options.accumulate = accumulate;
  return options;
}

CheckpointId at(std::uint32_t epoch, std::uint64_t position) {
  return {Epoch{epoch}, position};
}

void take(CheckpointBook& book, std::uint64_t position) {
  if (const auto id = book.next(kNow, position, false)) book.on_stored(kNow, *id, true);
}

}  // namespace

TEST_CASE("everybody offers the start of the run, last and without a file") {
  CheckpointBook book(every(10), {at(1, 10), at(2, 20)});
  CHECK(book.offers() == std::vector<CheckpointId>{at(2, 20), at(1, 10), at(0, 0)});
  book.drop(at(2, 20));
  CHECK(book.offers().front() == at(1, 10));
}

TEST_CASE("what another node of the stage wrote is offered, the newest few of it") {
  Options options = every(10);
  options.keep_checkpoints = 2;
  CheckpointBook book(options, {});
  CHECK(book.on_found(at(1, 10)).empty());
  CHECK(book.on_found(at(1, 20)).empty());
  CHECK(book.on_found(at(1, 30)) == std::vector<CheckpointId>{at(1, 10)});
  CHECK(book.offers() == std::vector<CheckpointId>{at(1, 30), at(1, 20), at(0, 0)});
  book.restart(Epoch{2}, at(1, 30));
  CHECK(book.on_found(at(1, 40)) == std::vector<CheckpointId>{at(1, 40)});  // it has its own now
}

TEST_CASE("a fresh run is checkpointed at step 0, a resumed one is not") {
  CheckpointBook book(every(10), {});
  book.restart(Epoch{1}, {});
  CHECK(book.next(kNow, 0, false) == at(1, 0));
  book.on_stored(kNow, at(1, 0), true);
  CHECK(book.next(kNow, 0, false) == std::nullopt);
  book.restart(Epoch{2}, at(1, 0));
  CHECK(book.next(kNow, 0, false) == std::nullopt);
}

TEST_CASE("positions are multiples rounded up to whole updates from where the epoch started") {
  CheckpointBook book(every(10, 4), {at(1, 6)});
  book.restart(Epoch{2}, at(1, 6));
  CHECK(book.next(kNow, 9, false) == std::nullopt);
  CHECK(book.next(kNow, 10, false) == at(2, 10));  // 6 + 4
  book.on_stored(kNow, at(2, 10), true);
  CHECK(book.next(kNow, 20, false) == std::nullopt);
  CHECK(book.next(kNow, 22, false) == at(2, 22));  // 6 + 16
}

TEST_CASE("of several positions passed at once the newest is taken") {
  CheckpointBook book(every(10), {at(1, 0)});
  book.restart(Epoch{2}, at(1, 0));
  CHECK(book.next(kNow, 35, false) == at(2, 30));
}

TEST_CASE("while one is being stored a position is passed over, except for the last") {
  CheckpointBook book(every(10), {at(1, 0)});
  book.restart(Epoch{2}, at(1, 0));
  CHECK(book.next(kNow, 10, false) == at(2, 10));
  CHECK(book.next(kNow, 20, false) == std::nullopt);
  book.on_stored(kNow, at(2, 10), true);
  CHECK(book.next(kNow, 21, false) == std::nullopt);
  CHECK(book.next(kNow, 30, false) == at(2, 30));
  CHECK(book.next(kNow, 34, true) == std::nullopt);
  book.on_stored(kNow, at(2, 30), true);
  CHECK(book.next(kNow, 34, true) == at(2, 34));
  book.on_stored(kNow, at(2, 34), true);
  CHECK(book.next(kNow, 34, true) == std::nullopt);
  CHECK(book.is_settled(34));
}

TEST_CASE("a final checkpoint that could not be stored is tried again after a pause") {
  CheckpointBook book(every(0), {at(1, 0)});
  book.restart(Epoch{2}, at(1, 0));
  CHECK(book.next(kNow, 7, true) == at(2, 7));
  book.on_stored(kNow, at(2, 7), false);
  CHECK(book.has_failed());
  CHECK(book.is_settled(7));
  CHECK(book.next(kNow, 7, true) == std::nullopt);
  CHECK(book.retry_at() == kNow + CheckpointBook::kRetryPause);
  CHECK(book.next(kNow + CheckpointBook::kRetryPause, 7, true) == at(2, 7));
}

TEST_CASE("of what is older than the newest committed one as many stay as were asked for") {
  Options options = every(10);
  options.keep_checkpoints = 2;
  CheckpointBook book(options, {at(1, 0)});
  book.restart(Epoch{2}, at(1, 0));
  for (std::uint64_t position = 10; position <= 50; position += 10) take(book, position);
  CHECK(book.commit(at(2, 30)) == std::vector<CheckpointId>{at(2, 10), at(1, 0)});
  CHECK(book.offers() ==
        std::vector<CheckpointId>{at(2, 50), at(2, 40), at(2, 30), at(2, 20), at(0, 0)});
  CHECK(book.commit(at(2, 20)).empty());
  CHECK(book.commit(at(2, 60)).empty());  // not held here: nonsense
  CHECK(book.committed() == at(2, 30));
}

TEST_CASE("a dead branch goes once the present epoch has committed") {
  Options options = every(10);
  options.keep_checkpoints = 3;
  CheckpointBook book(options, {at(1, 10), at(1, 20), at(1, 30)});
  book.restart(Epoch{2}, at(1, 20));  // 30 was not sound everywhere
  take(book, 30);
  CHECK(book.commit(at(2, 30)) == std::vector<CheckpointId>{at(1, 30)});
  CHECK(book.offers() == std::vector<CheckpointId>{at(2, 30), at(1, 20), at(1, 10), at(0, 0)});
}

TEST_CASE(
    "without room no periodic checkpoint is taken, and the final one has a place of its own") {
  CheckpointBook book(every(1), {at(1, 5)});
  book.restart(Epoch{2}, at(1, 5));
  for (std::uint64_t position = 6; position < 100; ++position) {
    take(book, position);
    CHECK(book.make_room(6).empty());
    CHECK(book.offers().size() < limits::kMaxOffers);
  }
  CHECK(book.next(kNow, 100, true) == at(2, 100));
  book.on_stored(kNow, at(2, 100), true);
  CHECK(book.offers().size() == limits::kMaxOffers);
  CHECK(book.offers().front() == at(2, 100));
}

TEST_CASE("what can't be committed any more makes room, the oldest first") {
  CheckpointBook book(every(1), {at(1, 5)});
  book.restart(Epoch{2}, at(1, 5));
  for (std::uint64_t position = 6; position < 100; ++position) {
    take(book, position);
    const std::uint64_t settled = position - 3;  // another stage's disk fails and fails
    for (const CheckpointId& id : book.make_room(settled)) {
      CHECK(id.epoch == Epoch{2});
      CHECK(id.position < settled);
    }
    CHECK(book.offers().size() < limits::kMaxOffers);
    CHECK(book.offers().front() == at(2, position));
  }
  CHECK(book.offers()[book.offers().size() - 2] == at(1, 5));
}

TEST_CASE("leftovers of earlier epochs go before anything that may be committed") {
  std::vector<CheckpointId> full;
  for (std::uint64_t position = 1; position < limits::kMaxOffers; ++position) {
    full.push_back(at(1, position));
  }
  CheckpointBook book(every(1), full);
  book.restart(Epoch{2}, at(1, 3));
  CHECK(book.make_room(0) == std::vector<CheckpointId>{at(1, 1), at(1, 2)});
  CHECK(book.next(kNow, 4, false) == at(2, 4));
  book.on_stored(kNow, at(2, 4), true);
  CHECK(book.make_room(0) == std::vector<CheckpointId>{at(1, 4)});
  CHECK(book.offers().front() == at(2, 4));
}

TEST_CASE("a position is settled when it is stored, and not while it may be tried again") {
  CheckpointBook book(every(10), {at(1, 5)});
  book.restart(Epoch{2}, at(1, 5));
  CHECK(book.settled_below() == 6);
  CHECK(book.next(kNow, 10, false) == at(2, 10));
  CHECK(book.settled_below() == 6);
  book.on_stored(kNow, at(2, 10), false);
  CHECK(book.settled_below() == 10);
  CHECK(book.next(kNow, 20, false) == at(2, 20));
  book.on_stored(kNow, at(2, 20), true);
  CHECK(book.settled_below() == 21);
}

}  // namespace brigade::swarm
