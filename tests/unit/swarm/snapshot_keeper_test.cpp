#include "swarm/snapshot_keeper.hpp"

#include <optional>
#include <vector>

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

constexpr TimePoint kNow{std::chrono::seconds{100}};

CheckpointId at(std::uint64_t position) {
  return {Epoch{1}, position};
}

SnapshotKeeper keeper(std::vector<CheckpointId> sound = {}, std::uint64_t every = 10) {
  Options options;
  options.checkpoint_every = every;
  options.keep_checkpoints = 2;
  return {options, std::move(sound)};
}

TEST_CASE("a checkpoint is taken once the position has passed a multiple, one at a time") {
  SnapshotKeeper keeper = swarm::keeper();
  CHECK(keeper.next(25) == std::nullopt);
  keeper.on_restored(at(25));
  CHECK(keeper.next(29) == std::nullopt);
  CHECK(keeper.next(33) == at(33));
  CHECK(keeper.next(47) == std::nullopt);
  keeper.on_stored(kNow, at(33), /*succeeded=*/true);
  CHECK(keeper.next(47) == at(47));
  keeper.on_stored(kNow, at(47), /*succeeded=*/true);
  CHECK(keeper.next(49) == std::nullopt);
}

TEST_CASE("without an interval none but the last is taken, and no weights twice") {
  SnapshotKeeper keeper = swarm::keeper({}, 0);
  keeper.on_restored(at(0));
  CHECK(keeper.next(1000) == std::nullopt);
  CHECK(keeper.is_settled(0));
  CHECK_FALSE(keeper.is_settled(1000));
  CHECK(keeper.last(1000) == at(1000));
  CHECK_FALSE(keeper.is_settled(1000));
  keeper.on_stored(kNow, at(1000), /*succeeded=*/true);
  CHECK(keeper.is_settled(1000));
  CHECK(keeper.last(1000) == std::nullopt);
}

TEST_CASE("what could not be stored is tried again after a pause, the last one is not") {
  SnapshotKeeper keeper = swarm::keeper();
  keeper.on_restored(at(0));
  CHECK(keeper.next(10) == at(10));
  keeper.on_stored(kNow, at(10), /*succeeded=*/false);
  CHECK(keeper.next_due() == kNow + SnapshotKeeper::kRetryPause);
  keeper.on_time(kNow);
  CHECK(keeper.next(11) == std::nullopt);
  keeper.on_time(keeper.next_due());
  CHECK(keeper.next_due() == kNever);
  CHECK(keeper.next(12) == at(12));
  keeper.on_stored(kNow, at(12), /*succeeded=*/true);
  CHECK(keeper.last(14) == at(14));
  keeper.on_stored(kNow, at(14), /*succeeded=*/false);
  CHECK(keeper.is_settled(14));
  CHECK(keeper.last(14) == std::nullopt);
}

TEST_CASE("the newest sound ones stay, those known at the start and found later among them") {
  SnapshotKeeper keeper = swarm::keeper({at(10), at(5)});
  CHECK(keeper.on_found(at(20)).empty());  // before it has restored nothing goes
  keeper.on_restored(at(20));
  CHECK(keeper.next(30) == at(30));
  CHECK(keeper.on_stored(kNow, at(30), /*succeeded=*/true) == std::vector{at(5), at(10)});
  CHECK(keeper.on_found(at(25)) == std::vector{at(20)});
  CHECK(keeper.on_found(at(25)).empty());
}

TEST_CASE("what is beyond the start is of a past that is given up: it goes first") {
  SnapshotKeeper keeper = swarm::keeper({at(10), at(80), at(90)});
  keeper.on_restored(at(10));
  CHECK(keeper.next(20) == at(20));
  CHECK(keeper.on_stored(kNow, at(20), /*succeeded=*/true) == std::vector{at(80), at(90)});
}

}  // namespace
}  // namespace brigade::swarm
