#include "stage_runtime/tools/checkpoints.hpp"

#include <string>

#include "stage_runtime/initial_weights.hpp"
#include "stage_runtime/snapshot.hpp"
#include "stage_runtime/tools/run_model.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

using namespace brigade;
using namespace brigade::stage;
namespace fs = std::filesystem;

namespace {

ModelShape small_model() {
  return {.vocabulary = 256, .context = 4, .width = 4, .blocks = 2, .heads = 2};
}

fs::path file_name(std::uint32_t stage, std::uint32_t epoch, std::uint64_t position) {
  std::string digits = std::to_string(position);
  digits.insert(0, 12 - digits.size(), '0');
  return fs::path("node-" + std::to_string(stage)) / "checkpoints" /
         ("step-" + digits + "-e" + std::to_string(epoch) + ".safetensors");
}

/// One stage's file of a two-stage run.
void write_stage(const test::TemporaryFolder& run, std::uint32_t stage, std::uint32_t epoch,
                 std::uint64_t position) {
  const ModelShape model = small_model();
  const Slice slice{.stage = stage, .stages = 2, .first_block = stage, .blocks = 1};
  Snapshot snapshot{.model = model,
                    .slice = slice,
                    .method = "nesterov",
                    .layout = Layout::make(model, slice),
                    .counters = {},
                    .weights = {},
                    .moments = {}};
  for (HostBuffer* buffer : {&snapshot.weights, &snapshot.moments[0], &snapshot.moments[1]}) {
    *buffer = HostBuffer(snapshot.layout.buffer_size());
    fill_initial_weights(model, snapshot.layout, position, buffer->span());
  }
  CheckpointInfo info;
  info.epoch = epoch;
  info.position = position;
  const fs::path file = run / file_name(stage, epoch, position);
  fs::create_directories(file.parent_path());
  REQUIRE(write_snapshot(snapshot, info, file));
}

void write_checkpoint(const test::TemporaryFolder& run, std::uint32_t epoch,
                      std::uint64_t position) {
  write_stage(run, 0, epoch, position);
  write_stage(run, 1, epoch, position);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the newest checkpoint of all stages is found") {
  const test::TemporaryFolder run;
  write_checkpoint(run, 1, 0);
  write_checkpoint(run, 1, 100);
  write_checkpoint(run, 1, 20);
  const auto found = find_checkpoint(run.path(), std::nullopt);
  REQUIRE(found);
  CHECK(found->files.checkpoint->position == 100);
  CHECK(found->files.weights.size() == 2);
  CHECK(found->notes.empty());
  CHECK(find_checkpoint(run.path(), 20)->files.checkpoint->position == 20);
  CHECK(find_checkpoint(run.path(), 50).error().code == ErrorCode::kNotFound);
}

TEST_CASE("a later epoch is newer than a later position") {
  const test::TemporaryFolder run;
  write_checkpoint(run, 1, 100);
  write_checkpoint(run, 2, 60);
  CHECK(find_checkpoint(run.path(), std::nullopt)->files.checkpoint->position == 60);
}

TEST_CASE("a checkpoint that lacks a stage is passed over and said") {
  const test::TemporaryFolder run;
  write_checkpoint(run, 1, 100);
  write_stage(run, 0, 1, 200);
  const auto found = find_checkpoint(run.path(), std::nullopt);
  REQUIRE(found);
  CHECK(found->files.checkpoint->position == 100);
  REQUIRE(found->notes.size() == 1);
  CHECK(contains(found->notes[0], "passed over the checkpoint at micro-batch 200: "));
}

TEST_CASE("a flipped bit, a cut and a half-written file never count") {
  const test::TemporaryFolder run;
  write_checkpoint(run, 1, 100);
  write_checkpoint(run, 1, 200);
  const fs::path newest = file_name(1, 1, 200);
  std::string bytes = run.read(newest);
  SECTION("flipped") {
    bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 4);
    run.write(newest, bytes);
  }
  SECTION("cut short") {
    run.write(newest, bytes.substr(0, bytes.size() / 2));
  }
  SECTION("empty") {
    run.write(newest, "");
  }
  SECTION("only under its temporary name") {
    fs::rename(run / newest, run / (newest.string() + ".tmp17"));
  }
  CHECK(find_checkpoint(run.path(), std::nullopt)->files.checkpoint->position == 100);
  CHECK_FALSE(find_checkpoint(run.path(), 200));
}

TEST_CASE("without any sound checkpoint the newest one's fault is the error") {
  const test::TemporaryFolder run;
  write_stage(run, 1, 1, 100);
  const auto found = find_checkpoint(run.path(), std::nullopt);
  REQUIRE_FALSE(found);
  CHECK(found.error().code == ErrorCode::kCorrupt);
  CHECK(contains(found.error().message, "stage 0 of 2"));
  CHECK(find_checkpoint(run / "nowhere", std::nullopt).error().code == ErrorCode::kNotFound);
}

TEST_CASE("names that are no checkpoint's are left alone") {
  const test::TemporaryFolder run;
  write_checkpoint(run, 1, 100);
  run.write("node-0/checkpoints/step-x-e1.safetensors", "x");
  run.write("node-0/checkpoints/step-000000000200-e1.safetensors.corrupt", "x");
  run.write("node-0/checkpoints/model.safetensors", "x");
  CHECK(find_checkpoint(run.path(), std::nullopt)->notes.empty());
}

TEST_CASE("a run's folder brings its configuration, and bytes need no telling") {
  const test::TemporaryFolder run;
  write_checkpoint(run, 1, 100);
  run.write("swarm.toml", "stages = 2\n[run]\nbatch = 3\n");
  const auto model = find_run_model(run.path(), std::nullopt);
  REQUIRE(model);
  CHECK(model->swarm->run.batch == 3);
  CHECK(find_tokenizer(*model, "").value()->name() == "bytes");
  CHECK_FALSE(find_tokenizer(*model, "missing.model"));
  CHECK_FALSE(find_run_model(run / "nowhere", std::nullopt));
}

TEST_CASE("an exported folder names its tokeniser, and nothing outside of it") {
  const test::TemporaryFolder run;
  write_checkpoint(run, 1, 100);
  auto model = find_run_model(run.path(), std::nullopt).value();
  REQUIRE(export_hugging_face(model.files, run / "out"));
  run.write("out/brigade.json", export_note("bytes", model.files));
  auto exported = find_run_model(run / "out", std::nullopt);
  REQUIRE(exported);
  CHECK(exported->files.model.blocks == 2);
  CHECK(find_tokenizer(*exported, "").value()->name() == "bytes");
  run.write("out/brigade.json", "{\"tokenizer\": \"../../etc/passwd\"}");
  CHECK_FALSE(find_tokenizer(*exported, ""));
  run.write("out/brigade.json", "[");
  CHECK_FALSE(find_tokenizer(*exported, ""));
}
