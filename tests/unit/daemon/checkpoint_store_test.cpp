#include "daemon/checkpoint_store.hpp"

#include <fstream>

#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

namespace fs = std::filesystem;

stage::ModelShape model_of_four() {
  stage::ModelShape model;
  model.blocks = 4;
  return model;
}

swarm::CheckpointId id_of(std::uint32_t epoch, std::uint64_t position) {
  return {Epoch(epoch), position};
}

/// The file that stage `slice` would have written.
fs::path put(const fs::path& folder, const swarm::CheckpointId& id, const stage::Slice& slice) {
  fs::create_directories(folder);
  stage::CheckpointInfo info;
  info.epoch = id.epoch.value();
  info.position = id.position;
  info.version = id.position;
  info.slice = slice;
  const fs::path file = folder / checkpoint_file_name(id);
  write_text(file, info);
  return file;
}

struct Fixture {
  TempFolder folder;
  stage::Slice slice{.stage = 1, .stages = 2, .first_block = 2, .blocks = 2};
  CheckpointStore store{folder.path() / "own", model_of_four(), slice, text_access(slice)};
  std::vector<std::string> notes;

  Fixture() { fs::create_directories(own()); }
  fs::path own() const { return folder.path() / "own"; }
};

TEST_CASE("a checkpoint's file name can be read back") {
  const auto id = id_of(3, 100);
  CHECK(checkpoint_file_name(id) == "step-000000000100-e3.safetensors");
  CHECK(parse_checkpoint_file_name(checkpoint_file_name(id)) == id);
  CHECK_FALSE(parse_checkpoint_file_name("step-1-e.safetensors"));
  CHECK_FALSE(parse_checkpoint_file_name("step-1-e2.safetensors.corrupt"));
  CHECK_FALSE(parse_checkpoint_file_name("step--1-e2.safetensors"));
  CHECK_FALSE(parse_checkpoint_file_name("step-99999999999999999999-e2.safetensors"));
}

TEST_CASE("sound own checkpoints are offered, each with its file and version") {
  Fixture fixture;
  put(fixture.own(), id_of(1, 10), fixture.slice);
  const auto newest = put(fixture.own(), id_of(1, 20), fixture.slice);
  REQUIRE(fixture.store.scan({}, fixture.notes).has_value());
  CHECK(fixture.notes.empty());
  CHECK(fixture.store.sound() == std::vector{id_of(1, 10), id_of(1, 20)});
  CHECK(fixture.store.files(id_of(1, 20)) == std::vector{newest});
  CHECK(fixture.store.version(id_of(1, 20)) == Version(20));
  CHECK(fixture.store.files(id_of(1, 30)).empty());
}

TEST_CASE("a corrupt own checkpoint is moved aside, said once, and the one before stays") {
  Fixture fixture;
  put(fixture.own(), id_of(1, 10), fixture.slice);
  const auto broken = put(fixture.own(), id_of(1, 20), fixture.slice);
  std::ofstream(broken) << "garbage";
  REQUIRE(fixture.store.scan({}, fixture.notes).has_value());
  CHECK(fixture.store.sound() == std::vector{id_of(1, 10)});
  REQUIRE(fixture.notes.size() == 1);
  CHECK(fixture.notes.front().find("corrupt") != std::string::npos);
  CHECK_FALSE(fs::exists(broken));
  CHECK(fs::exists(broken.string() + ".corrupt"));
}

TEST_CASE("a copy from another node of the stage is taken in if it is what was asked for") {
  Fixture fixture;
  const fs::path elsewhere = fixture.folder.path() / "other";
  const auto copy = [&](const stage::Slice& slice) {
    fs::rename(put(elsewhere, id_of(2, 40), slice), fixture.own() / "copy.safetensors.tmp");
    return fixture.own() / "copy.safetensors.tmp";
  };
  const auto taken = fixture.store.take_in(copy(fixture.slice), id_of(2, 40));
  REQUIRE(taken.has_value());
  fixture.store.add(*taken);
  CHECK(fixture.store.sound() == std::vector{id_of(2, 40)});
  REQUIRE(fixture.store.own_files().size() == 1);
  CHECK(fs::exists(fixture.store.own_files().front().path));

  CHECK(fixture.store.take_in(copy(fixture.slice), id_of(2, 50)).has_error());
  stage::Slice other = fixture.slice;
  other.first_block = 0;
  CHECK(fixture.store.take_in(copy(other), id_of(2, 40)).has_error());
  std::ofstream(fixture.own() / "copy.safetensors.tmp") << "garbage";
  CHECK(fixture.store.take_in(fixture.own() / "copy.safetensors.tmp", id_of(2, 40)).has_error());
  CHECK_FALSE(fs::exists(fixture.own() / "copy.safetensors.tmp"));
}

TEST_CASE("a file whose header names another checkpoint than its name is corrupt") {
  Fixture fixture;
  const auto file = put(fixture.own(), id_of(1, 20), fixture.slice);
  fs::rename(file, fixture.own() / checkpoint_file_name(id_of(1, 30)));
  REQUIRE(fixture.store.scan({}, fixture.notes).has_value());
  CHECK(fixture.store.sound().empty());
}

TEST_CASE("what a crash left half written is removed") {
  Fixture fixture;
  const fs::path rest = fixture.own() / "step-000000000010-e1.safetensors.tmp4711";
  std::ofstream(rest) << "half";
  REQUIRE(fixture.store.scan({}, fixture.notes).has_value());
  CHECK_FALSE(fs::exists(rest));
}

TEST_CASE("another split's files are used when together they cover this slice") {
  Fixture fixture;
  const auto id = id_of(2, 40);
  std::vector<fs::path> folders;
  std::vector<fs::path> files;
  for (std::uint32_t old = 0; old < 4; ++old) {
    folders.push_back(fixture.folder.path() / ("node-" + std::to_string(old)));
    files.push_back(put(folders.back() / "checkpoints", id, {old, 4, old, 1}));
  }
  SECTION("all of them") {
    REQUIRE(fixture.store.scan(folders, fixture.notes).has_value());
    CHECK(fixture.store.files(id) == files);
  }
  SECTION("a missing block leaves the checkpoint out") {
    fs::remove(files[2]);
    REQUIRE(fixture.store.scan(folders, fixture.notes).has_value());
    CHECK(fixture.store.sound().empty());
    CHECK(fixture.notes.size() == 1);
  }
  SECTION("a missing tail leaves the checkpoint out at the tail") {
    fs::remove(files[3]);
    REQUIRE(fixture.store.scan(folders, fixture.notes).has_value());
    CHECK(fixture.store.sound().empty());
  }
  SECTION("a corrupt file of others is left where it is") {
    std::ofstream(files[2]) << "garbage";
    REQUIRE(fixture.store.scan(folders, fixture.notes).has_value());
    CHECK(fs::exists(files[2]));
    CHECK(fixture.store.sound().empty());
  }
}

TEST_CASE("a file of just this slice needs no others") {
  Fixture fixture;
  const auto id = id_of(1, 10);
  const auto own = put(fixture.own(), id, fixture.slice);
  put(fixture.folder.path() / "node-0", id, {0, 2, 0, 2});
  REQUIRE(fixture.store.scan({fixture.folder.path() / "node-0"}, fixture.notes).has_value());
  CHECK(fixture.store.files(id) == std::vector{own});
}

TEST_CASE("a checkpoint of another model is refused by name") {
  Fixture fixture;
  stage::CheckpointInfo info;
  info.epoch = 1;
  info.position = 10;
  info.slice = fixture.slice;
  info.model.vocabulary = 999;
  write_text(fixture.own() / checkpoint_file_name(id_of(1, 10)), info);
  const auto scanned = fixture.store.scan({}, fixture.notes);
  REQUIRE(scanned.has_error());
  CHECK(scanned.error().code == ErrorCode::kBadInput);
  CHECK(scanned.error().message.find("the vocabulary is 999 there and 256") != std::string::npos);
}

TEST_CASE("a folder to resume from must exist") {
  Fixture fixture;
  const auto scanned = fixture.store.scan({fixture.folder.path() / "nowhere"}, fixture.notes);
  REQUIRE(scanned.has_error());
  CHECK(scanned.error().code == ErrorCode::kNotFound);
}

TEST_CASE("what was written is offered, what was removed is not, and its file goes") {
  Fixture fixture;
  stage::CheckpointInfo info;
  info.epoch = 1;
  info.position = 10;
  info.version = 5;
  const auto state = std::make_shared<std::uint64_t>(5);
  const auto& snapshot = reinterpret_cast<const stage::Snapshot&>(*state);
  REQUIRE(fixture.store.write(snapshot, info).has_value());
  fixture.store.add(info);
  CHECK(fixture.store.sound() == std::vector{id_of(1, 10)});
  CHECK(fs::exists(fixture.store.own_file(id_of(1, 10))));
  fixture.store.remove(id_of(1, 10));
  REQUIRE(fixture.store.erase(id_of(1, 10)).has_value());
  CHECK(fixture.store.sound().empty());
  CHECK_FALSE(fs::exists(fixture.store.own_file(id_of(1, 10))));
  CHECK(fixture.store.erase(id_of(1, 10)).has_value());  // once more does no harm
}

}  // namespace
}  // namespace brigade::daemon::testing
