#include "daemon/kept_file.hpp"

#include <fstream>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

namespace fs = std::filesystem;

const KeptFor kOf{{Epoch(1), 100}, {.stage = 1, .stages = 3, .first_block = 2, .blocks = 2}};

KeptData some() {
  KeptData kept;
  kept.gradients.push_back({train_id(7), {1.25, 6}, make_gradient(3)});
  kept.gradients.push_back({train_id(8), {}, std::nullopt});
  kept.gradients.push_back({train_id(9), {2.5, 6}, in_codec(Codec::kInt8, make_gradient(4))});
  kept.closed = {{HeadIndex(5), Sequence(0), Sequence(70'000)}};
  return kept;
}

TEST_CASE("what is kept beside a checkpoint can be read back") {
  const TempFolder folder;
  const fs::path file = folder.path() / "step.kept";
  REQUIRE(write_kept(file, kOf, some()).has_value());
  const auto read = read_kept(file, kOf);
  REQUIRE(read.has_value());
  REQUIRE(read->gradients.size() == 3);
  CHECK(read->gradients[0].id == train_id(7));
  CHECK(read->gradients[0].loss.nats == 1.25);
  CHECK(read->gradients[0].loss.tokens == 6);
  REQUIRE(read->gradients[0].payload.has_value());
  CHECK(read->gradients[0].payload->shape == make_gradient(3).shape);
  CHECK(read->gradients[0].payload->checksum == make_gradient(3).checksum);
  CHECK(first_element(*read->gradients[0].payload) == 3);
  CHECK(read->gradients[1].id == train_id(8));
  CHECK_FALSE(read->gradients[1].payload.has_value());
  REQUIRE(read->gradients[2].payload.has_value());
  CHECK(read->gradients[2].payload->shape.codec == Codec::kInt8);
  REQUIRE(read->closed.size() == 1);
  CHECK(read->closed.front().end == Sequence(70'000));
}

TEST_CASE("a damaged file is refused wherever the damage is, and so is one that is cut short") {
  const TempFolder folder;
  const fs::path file = folder.path() / "step.kept";
  REQUIRE(write_kept(file, kOf, some()).has_value());
  const std::string whole = read_file(file, 1 << 20).value();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    REQUIRE(write_file_atomically(file, damaged).has_value());
    const auto read = read_kept(file, kOf);
    CAPTURE(at);
    REQUIRE(read.has_error());
    CHECK(read.error().code == ErrorCode::kCorrupt);
  }
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 1}) {
    REQUIRE(write_file_atomically(file, whole.substr(0, length)).has_value());
    REQUIRE(read_kept(file, kOf).has_error());
  }
  REQUIRE(write_file_atomically(file, whole + "x").has_value());
  CHECK(read_kept(file, kOf).has_error());
}

TEST_CASE("a file of another checkpoint or of another part of the model is refused") {
  const TempFolder folder;
  const fs::path file = folder.path() / "step.kept";
  REQUIRE(write_kept(file, kOf, some()).has_value());
  KeptFor other = kOf;
  other.checkpoint.position = 101;
  CHECK(read_kept(file, other).error().code == ErrorCode::kCorrupt);
  other = kOf;
  other.slice.first_block = 3;
  CHECK(read_kept(file, other).error().code == ErrorCode::kCorrupt);
  CHECK(read_kept(folder.path() / "none.kept", kOf).error().code == ErrorCode::kNotFound);
}

struct Fixture {
  TempFolder folder;
  stage::Slice slice{.stage = 1, .stages = 2, .first_block = 0, .blocks = 2};
  CheckpointStore store{folder.path(), model(), slice, text_access(slice)};
  stage::CheckpointInfo info;
  const swarm::CheckpointId id{Epoch(1), 10};

  static stage::ModelShape model() {
    stage::ModelShape model;
    model.blocks = 4;
    return model;
  }
  Fixture() {
    info.epoch = 1;
    info.position = 10;
  }
  void write(const KeptData& kept) {
    const std::uint64_t updates = 3;
    REQUIRE(store.write(reinterpret_cast<const stage::Snapshot&>(updates), info).has_value());
    REQUIRE(store.write_kept(id, kept).has_value());
    store.add(info);
  }
  bool has_file() const { return fs::exists(store.kept_file(id)); }
};

TEST_CASE("what is kept goes with its checkpoint") {
  Fixture fixture;
  fixture.write(some());
  CHECK(fixture.has_file());
  CHECK(fixture.store.read_kept(fixture.id, fixture.store.files(fixture.id))->gradients.size() ==
        3);
  REQUIRE(fixture.store.erase(fixture.id).has_value());
  CHECK(fs::is_empty(fixture.folder.path()));
}

TEST_CASE("another checkpoint of the same name does not inherit what was kept") {
  Fixture fixture;
  fixture.write(some());
  fixture.write({});
  CHECK_FALSE(fixture.has_file());
  CHECK(fixture.store.read_kept(fixture.id, fixture.store.files(fixture.id))->is_empty());

  fixture.write(some());
  const fs::path copy = fixture.folder.path() / "copy.safetensors.tmp";
  fs::copy_file(fixture.store.own_file(fixture.id), copy);
  REQUIRE(fixture.store.take_in(copy, fixture.id).has_value());
  CHECK_FALSE(fixture.has_file());
}

TEST_CASE("what is kept is not used with the files of others, and goes when it is alone") {
  Fixture fixture;
  fixture.write(some());
  CHECK(fixture.store.read_kept(fixture.id, {fixture.folder.path() / "another"})->is_empty());
  std::ofstream(fixture.folder.path() / "step-000000000010-e1.kept.tmp77") << "half";
  std::vector<std::string> notes;
  REQUIRE(fixture.store.scan({}, notes).has_value());
  CHECK(fixture.has_file());
  CHECK(notes.empty());
  CHECK_FALSE(fs::exists(fixture.folder.path() / "step-000000000010-e1.kept.tmp77"));
  fs::remove(fixture.store.own_file(fixture.id));
  REQUIRE(fixture.store.scan({}, notes).has_value());
  CHECK_FALSE(fixture.has_file());
}

}  // namespace
}  // namespace brigade::daemon::testing
