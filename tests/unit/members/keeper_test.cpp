#include "daemon/members/keeper.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <fstream>
#include <set>

#include "base/file.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

namespace brigade::daemon {
namespace {

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

void put(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

/// A file holds its position; else it is not sound.
Result<swarm::CheckpointId> read_position(StageIndex, const std::filesystem::path& file) {
  const auto text = read_file(file, 16);
  if (text.has_error() || text->find_first_not_of("0123456789") != std::string::npos)
    return make_error(ErrorCode::kCorrupt, "no number in it");
  return swarm::CheckpointId{Epoch{1}, std::stoull(*text)};
}

TEST_CASE("stages are kept by others each, and who keeps one does not change with the rest") {
  std::set<NodeId> first;
  for (std::uint32_t stage = 0; stage < 16; ++stage) {
    NodeId best = node(1);
    for (std::uint8_t number = 2; number < 30; ++number) {
      const bool is_before = Keeper::rank_of(node(number), StageIndex(stage)) <
                             Keeper::rank_of(best, StageIndex(stage));
      if (is_before) best = node(number);
    }
    first.insert(best);
  }
  CHECK(first.size() > 5);
}

TEST_CASE("what was kept is there after a restart, the newest of it, if it is sound") {
  const test::TemporaryFolder folder;
  put(folder / "stage-2" / "a", "100");
  put(folder / "stage-2" / "b", "300");
  put(folder / "stage-2" / "c", "nonsense");
  put(folder / "stage-4" / "d", "50");
  put(folder / "other" / "e", "70");
  boost::asio::io_context core;
  const auto work = boost::asio::make_work_guard(core);
  Keeper keeper(
      core, {.identity = {}, .folder = folder / "", .most_bytes = 1000, .verify = &read_position});
  keeper.start([] { return std::map<StageIndex, std::vector<Donor>>(); }, {});
  core.run_for(std::chrono::milliseconds{300});
  REQUIRE(keeper.held(StageIndex(2)).size() == 1);
  CHECK(keeper.held(StageIndex(2)).front().checkpoint.position == 300);
  REQUIRE(keeper.held(StageIndex(4)).size() == 1);
  CHECK(keeper.held(StageIndex(3)).empty());
  keeper.stop();
  core.run_for(std::chrono::milliseconds{300});
  CHECK_FALSE(std::filesystem::exists(folder / "stage-2" / "a"));
  CHECK_FALSE(std::filesystem::exists(folder / "stage-2" / "c"));
  CHECK(std::filesystem::exists(folder / "other" / "e"));
}

}  // namespace
}  // namespace brigade::daemon
