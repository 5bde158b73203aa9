#include "daemon/state_dir.hpp"

#include <fstream>

#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

namespace fs = std::filesystem;

TEST_CASE("a new state folder is its owner's alone and holds no epoch") {
  TempFolder folder;
  const auto state = StateDir::open(folder.path() / "deep" / "node");
  REQUIRE(state.has_value());
  CHECK(fs::status(state->folder()).permissions() == fs::perms::owner_all);
  CHECK(fs::is_directory(state->checkpoints()));
  const auto epoch = state->read_epoch();
  REQUIRE(epoch.has_value());
  CHECK_FALSE(epoch->has_value());
}

TEST_CASE("a state folder is held by one at a time") {
  TempFolder folder;
  {
    const auto first = StateDir::open(folder.path());
    REQUIRE(first.has_value());
    const auto second = StateDir::open(folder.path());
    REQUIRE(second.has_error());
    CHECK(second.error().code == ErrorCode::kUnavailable);
    CHECK(second.error().message.find("in use by another brigaded") != std::string::npos);
  }
  CHECK(StateDir::open(folder.path()).has_value());
}

TEST_CASE("an epoch is read back, and one that is no number is corrupt") {
  TempFolder folder;
  const auto state = StateDir::open(folder.path());
  REQUIRE(state.has_value());
  REQUIRE(state->write_epoch(Epoch(7)).has_value());
  CHECK(state->read_epoch().value() == Epoch(7));
  for (const char* text : {"", "seven\n", "7 8\n", "-1\n", "99999999999\n"}) {
    std::ofstream(folder.path() / "epoch") << text;
    const auto epoch = state->read_epoch();
    REQUIRE(epoch.has_error());
    CHECK(epoch.error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("a node that was drained is so at its next start; one that has left is not drained") {
  TempFolder folder;
  {
    const auto state = StateDir::open(folder.path());
    REQUIRE(state.has_value());
    CHECK_FALSE(state->is_drained());
    REQUIRE(state->note_drained(true).has_value());
  }
  const auto state = StateDir::open(folder.path());
  REQUIRE(state.has_value());
  CHECK(state->is_drained());
  REQUIRE(state->note_drained(false).has_value());
  CHECK_FALSE(state->is_drained());
  REQUIRE(state->note_drained(false).has_value());

  REQUIRE(state->note_drained(true).has_value());
  CHECK_FALSE(StateDir::has_left(folder.path()));
  REQUIRE(state->note_left().has_value());
  CHECK(StateDir::has_left(folder.path()));
  CHECK_FALSE(state->is_drained());
}

TEST_CASE("a folder that can't be made is named") {
  TempFolder folder;
  std::ofstream(folder.path() / "file") << "in the way";
  const auto state = StateDir::open(folder.path() / "file" / "node");
  REQUIRE(state.has_error());
  CHECK(state.error().code == ErrorCode::kIo);
  CHECK(state.error().message.find("file/node") != std::string::npos);
}

}  // namespace
}  // namespace brigade::daemon::testing
