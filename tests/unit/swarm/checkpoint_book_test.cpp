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

std::vector<CheckpointId> take(CheckpointBook& book, std::uint64_t position) {
  const auto id = book.next(kNow, position, false);
  return id ? book.on_stored(kNow, *id, true) : std::vector<CheckpointId>{};
}

}  // namespace

TEST_CASE("everybody offers the start of the run, last and without a file") {
  CheckpointBook book(every(10), {at(1, 10), at(2, 20)});
  CHECK(book.offers() == std::vector<CheckpointId>{at(2, 20), at(1, 10), at(0, 0)});
  book.drop(at(2, 20));
  CHECK(book.offers().front() == at(1, 10));
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
  for (std::uint64_t position = 10; position <= 50; position += 10)
    CHECK(take(book, position).empty());
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

TEST_CASE("when nothing is committed any more the disk stays bounded") {
  CheckpointBook book(every(1), {at(1, 5)});
  book.restart(Epoch{2}, at(1, 5));
  std::size_t removed = 0;
  for (std::uint64_t position = 6; position < 100; ++position) {
    for (const CheckpointId& id : take(book, position)) {
      CHECK(id != at(1, 5));
      ++removed;
    }
    CHECK(book.offers().size() <= limits::kMaxOffers);
    CHECK(book.offers().front() == at(2, position));
  }
  CHECK(removed > 0);
  CHECK(book.offers()[book.offers().size() - 2] == at(1, 5));
}

}  // namespace brigade::swarm
