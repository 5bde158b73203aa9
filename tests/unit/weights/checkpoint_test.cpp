#include "stage_runtime/checkpoint.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include "base/random.hpp"
#include "stage_runtime/hugging_face.hpp"
#include "stage_runtime/language_model.hpp"
#include "tests/catch.hpp"
#include "tests/unit/weights/fixtures.hpp"

namespace brigade::stage {
namespace {

CheckpointInfo some_info() {
  CheckpointInfo info;
  info.epoch = 3;
  info.position = 1234567890123;
  info.next_sequence = 77;
  info.applied_ahead = {79, 80, 84};
  info.version = 1200;
  return info;
}

std::vector<std::filesystem::path> write_split(const TemporaryFolder& folder,
                                               const ModelShape& model, std::uint32_t stages) {
  std::vector<std::filesystem::path> files;
  for (std::uint32_t i = 0; i < stages; ++i) {
    files.push_back(folder / ("stage-" + std::to_string(i) + ".safetensors"));
    const Snapshot snapshot = make_snapshot(model, slice_of(model, i, stages));
    REQUIRE(write_snapshot(snapshot, some_info(), files.back()).has_value());
  }
  return files;
}

/// Restored state of a slice, or the error.
Result<Snapshot> restore(std::span<const std::filesystem::path> files, const ModelShape& model,
                         const Slice& slice) {
  Snapshot state = make_snapshot(model, slice);
  const RestoreTarget target{model,
                             state.layout,
                             state.weights.span(),
                             {state.moments[0].span(), state.moments[1].span()}};
  for (const auto buffer : {target.weights, target.moments[0], target.moments[1]}) {
    std::ranges::fill(buffer, -1.0F);
  }
  BRIGADE_ASSIGN(state.counters, restore_state(files, target));
  return state;
}

void check_equal(const Snapshot& left, const Snapshot& right) {
  CHECK(std::ranges::equal(left.weights.span(), right.weights.span()));
  for (std::size_t i = 0; i < kMoments; ++i) {
    CHECK(std::ranges::equal(left.moments[i].span(), right.moments[i].span()));
  }
  CHECK(left.counters.steps == right.counters.steps);
  CHECK(left.counters.mu_product == right.counters.mu_product);
  CHECK(left.counters.beta1_product == right.counters.beta1_product);
}

}  // namespace

TEST_CASE("a checkpoint says where it came from") {
  const TemporaryFolder folder;
  const ModelShape model = small_model();
  const auto files = write_split(folder, model, 4);
  const auto info = verify_checkpoint(files[2]);
  REQUIRE(info.has_value());
  CHECK(info.value().epoch == 3);
  CHECK(info.value().position == 1234567890123);
  CHECK(info.value().next_sequence == 77);
  CHECK(info.value().applied_ahead == std::vector<std::uint64_t>{79, 80, 84});
  CHECK(info.value().version == 1200);
  CHECK(info.value().slice.stage == 2);
  CHECK(info.value().slice.first_block == 2);
  CHECK(info.value().model.width == 8);
}

TEST_CASE("any split is restored from the files of any other") {
  const ModelShape model = small_model();
  for (const std::uint32_t from : {1U, 2U, 4U}) {
    const TemporaryFolder folder;
    const auto files = write_split(folder, model, from);
    for (const std::uint32_t to : {1U, 2U, 4U}) {
      for (std::uint32_t i = 0; i < to; ++i) {
        const Slice slice = slice_of(model, i, to);
        const auto state = restore(files, model, slice);
        REQUIRE(state.has_value());
        check_equal(state.value(), make_snapshot(model, slice));
      }
    }
  }
}

TEST_CASE("any flipped bit of a checkpoint is found") {
  const TemporaryFolder folder;
  ModelShape model = small_model();
  model.blocks = 1;
  model.width = 4;
  const auto file = write_split(folder, model, 1)[0];
  const std::string good = read_bytes(file);
  const auto header_bytes = SafetensorsFile::open(file).value().header().header_bytes;
  Random random(7);
  const auto check_flip = [&](std::size_t at) {
    const auto put = [&](char byte) {  // in place: rewriting a file makes some filesystems sync
      std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
      out.seekp(static_cast<std::streamoff>(at)).put(byte);
    };
    put(static_cast<char>(good[at] ^ static_cast<char>(1U << random.below(8))));
    const auto info = verify_checkpoint(file);
    put(good[at]);
    INFO("byte " << at);
    REQUIRE(info.has_error());
    CHECK(info.error().code == ErrorCode::kCorrupt);
    CHECK(info.error().message.find(file.string()) != std::string::npos);
    CHECK(info.error().message.find('\n') == std::string::npos);
  };
  for (std::size_t at = 0; at < header_bytes; ++at) check_flip(at);
  for (int i = 0; i < 500; ++i) {
    check_flip(header_bytes + random.below(good.size() - header_bytes));
  }
}

TEST_CASE("a checkpoint cut off in any region is found") {
  const TemporaryFolder folder;
  const ModelShape model = small_model();
  const auto file = write_split(folder, model, 2)[0];
  const std::string good = read_bytes(file);
  const auto header_bytes = SafetensorsFile::open(file).value().header().header_bytes;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{8}, std::size_t{100}, header_bytes - 1,
        std::size_t{header_bytes}, header_bytes + 64, good.size() / 2, good.size() - 1}) {
    write_bytes(file, good.substr(0, size));
    const auto info = verify_checkpoint(file);
    REQUIRE(info.has_error());
    CHECK(info.error().code == ErrorCode::kCorrupt);
  }
  write_bytes(file, good + "x");
  CHECK(verify_checkpoint(file).has_error());
}

TEST_CASE("restoring refuses a damaged file, a missing stage and another model") {
  const TemporaryFolder folder;
  const ModelShape model = small_model();
  const auto files = write_split(folder, model, 2);

  const std::vector<std::filesystem::path> first_half{files[0]};
  CHECK(restore(first_half, model, slice_of(model, 0, 2)).has_value());
  const auto missing = restore(first_half, model, whole(model));
  REQUIRE(missing.has_error());
  CHECK(missing.error().message.find("transformer.h.2") != std::string::npos);

  ModelShape other = model;
  other.heads = 4;
  CHECK(restore(files, other, whole(other)).error().code == ErrorCode::kBadInput);
  other = model;
  other.vocabulary = 12;
  const auto shape = restore(files, other, whole(other));
  REQUIRE(shape.has_error());
  CHECK(shape.error().message.find("[11, 8]") != std::string::npos);

  std::string bytes = read_bytes(files[1]);
  bytes[bytes.size() - 3] ^= 1;
  write_bytes(files[1], bytes);
  CHECK(restore(files, model, whole(model)).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("a head that was trained apart is not silently tied again") {
  const TemporaryFolder folder;
  ModelShape model = small_model();
  const auto files = write_split(folder, model, 2);
  model.tied_head = true;
  const auto state = restore(files, model, whole(model));
  REQUIRE(state.has_error());
  CHECK(state.error().message.find("tied_head = false") != std::string::npos);
}

TEST_CASE("a tied model can be split: the head starts as the embedding") {
  const TemporaryFolder folder;
  ModelShape model = small_model();
  model.tied_head = true;
  const auto files = write_split(folder, model, 1);
  const auto tail = restore(files, model, slice_of(model, 1, 2));
  REQUIRE(tail.has_value());
  const Snapshot all = make_snapshot(model, whole(model));
  const Parameter* head = tail.value().layout.find(kHead);
  const Parameter* embedding = all.layout.find(kTokenEmbedding);
  CHECK(std::ranges::equal(tail.value().weights.span().subspan(head->offset, head->size),
                           all.weights.span().subspan(embedding->offset, embedding->size)));
}

TEST_CASE("an export is a Hugging Face folder that restores the same weights") {
  const TemporaryFolder folder;
  const ModelShape model = small_model();
  write_split(folder, model, 4);
  const auto found = find_model(folder.path());
  REQUIRE(found.has_value());
  CHECK(found.value().weights.size() == 4);
  REQUIRE(found.value().checkpoint.has_value());
  CHECK(found.value().checkpoint->position == 1234567890123);
  REQUIRE(export_hugging_face(found.value(), folder / "out").has_value());

  const auto exported = find_model(folder / "out");
  REQUIRE(exported.has_value());
  CHECK(exported.value().model.width == model.width);
  CHECK(exported.value().model.heads == model.heads);
  CHECK(!exported.value().model.tied_head);
  const auto state = restore(exported.value().weights, model, whole(model));
  REQUIRE(state.has_value());
  CHECK(std::ranges::equal(state.value().weights.span(),
                           make_snapshot(model, whole(model)).weights.span()));
  for (const float value : state.value().moments[0].span()) REQUIRE(value == 0.0F);
}

TEST_CASE("a folder with a stage missing or of two checkpoints is no model") {
  const TemporaryFolder folder;
  const ModelShape model = small_model();
  const auto files = write_split(folder, model, 4);
  CheckpointInfo later = some_info();
  later.position += 10;
  REQUIRE(write_snapshot(make_snapshot(model, slice_of(model, 1, 4)), later, files[1]).has_value());
  CHECK(find_model(folder.path()).error().code == ErrorCode::kBadInput);
  std::filesystem::remove(files[1]);
  const auto missing = find_model(folder.path());
  REQUIRE(missing.has_error());
  CHECK(missing.error().message.find("stage 1 of 4") != std::string::npos);
  CHECK(find_model(folder / "nowhere").error().code == ErrorCode::kNotFound);
}

TEST_CASE("a configuration of another model than GPT-2 is refused by field") {
  const TemporaryFolder folder;
  const std::string good = hugging_face_config(small_model());
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    write_bytes(folder / "config.json", text.replace(at, from.size(), to));
    const auto model = read_hugging_face_config(folder / "config.json");
    REQUIRE(model.has_error());
    CHECK(model.error().code == ErrorCode::kBadInput);
  };
  write_bytes(folder / "config.json", good);
  CHECK(read_hugging_face_config(folder / "config.json").has_value());
  refused("\"gpt2\"", "\"llama\"");
  refused("\"gelu_new\"", "\"relu\"");
  refused("\"n_embd\": 8", "\"n_embd\": 7");
  refused("\"n_head\": 2", "\"n_head\": \"two\"");
  refused("\"n_layer\": 4", "\"n_layer\": 100000000000");
  refused("{", "[");
}

TEST_CASE("a file that can't be written is one clear line and leaves the old one") {
  const TemporaryFolder folder;
  const Snapshot snapshot = make_snapshot(small_model(), whole(small_model()));
  const auto result = write_snapshot(snapshot, some_info(), folder / "no/such/folder/x");
  REQUIRE(result.has_error());
  CHECK(result.error().message.find('\n') == std::string::npos);
}

TEST_CASE("a full disk leaves the old checkpoint sound and nothing beside it") {
  const TemporaryFolder folder;
  if (::geteuid() != 0 || ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    WARN("SKIPPED: mounting a small tmpfs needs root and CAP_SYS_ADMIN");
    return;
  }
  ModelShape model = small_model();
  model.blocks = 1;
  const auto file = folder / "stage.safetensors";
  const auto old_write = write_snapshot(make_snapshot(model, whole(model)), some_info(), file);
  model.blocks = 64;
  const auto result = write_snapshot(make_snapshot(model, whole(model)), some_info(), file);
  const auto old = verify_checkpoint(file);
  const auto entries = std::distance(std::filesystem::directory_iterator(folder.path()), {});
  REQUIRE(::umount(folder.path().c_str()) == 0);

  CHECK(old_write.has_value());
  REQUIRE(result.has_error());
  CHECK(result.error().code == ErrorCode::kIo);
  CHECK(result.error().message.find("No space left") != std::string::npos);
  CHECK(old.has_value());
  CHECK(entries == 1);
}

}  // namespace brigade::stage
