// Whole lines in process: splits, checkpoints across splits, and models read back.
#include <cmath>
#include <thread>

#include "stage_runtime/language_model.hpp"
#include "stage_runtime/safetensors.hpp"
#include "tests/tests_folder.hpp"
#include "tests/unit/stage/fixtures.hpp"
#include "tests/unit/weights/fixtures.hpp"

namespace brigade::stage {
namespace {

vectors::LineOptions line_options(std::uint32_t stages, const std::string& method) {
  vectors::LineOptions options;
  options.model = small_model(8);
  options.blocks.assign(stages, 8 / stages);
  options.batch = 2;
  options.tokens = 8;
  options.seed = 5;
  options.method.name = method;
  options.method.learning_rate = 3e-3;
  options.method.warmup_updates = 2;
  options.method.total_updates = 50;
  options.method.clip = 0;
  options.is_synchronous = method == "gpipe";
  options.method.accumulate = options.is_synchronous ? 4 : 1;
  return options;
}

struct Data {
  std::vector<std::vector<std::int32_t>> microbatches;
  std::span<const std::int32_t> operator()(std::uint32_t index) const {
    return microbatches[index];
  }
};

/// Sentences of a tiny language, so that there is something to learn.
Data make_data(std::uint32_t count) {
  StageOptions options = small_stage();
  Data data;
  for (std::uint32_t m = 0; m < count; ++m) {
    auto tokens = random_tokens(options, m);
    for (std::size_t i = 1; i < tokens.size(); i += 2) tokens[i] = (tokens[i - 1] * 3 + 1) % 19;
    data.microbatches.push_back(std::move(tokens));
  }
  return data;
}

std::vector<std::filesystem::path> save(vectors::Line& line, const TemporaryFolder& folder) {
  std::vector<std::filesystem::path> files;
  for (std::size_t i = 0; i < line.size(); ++i) {
    files.push_back(folder / ("stage-" + std::to_string(i) + ".safetensors"));
    must(write_snapshot(*line.stage(i).snapshot(), {}, files.back()));
  }
  return files;
}

}  // namespace

TEST_CASE("gpipe at one, two, four and eight stages has the losses of the unsplit model") {
  constexpr std::uint32_t kMicrobatches = 50;
  const Data data = make_data(kMicrobatches);
  auto unsplit = must(vectors::Line::make(line_options(1, "gpipe")));
  const auto expected = must(unsplit.train(kMicrobatches, data));
  CHECK(expected.back() < expected.front());
  for (const std::uint32_t stages : {2U, 4U, 8U}) {
    for (const bool recompute : {false, true}) {
      auto options = line_options(stages, "gpipe");
      options.recompute = recompute;
      auto line = must(vectors::Line::make(options));
      const auto losses = must(line.train(kMicrobatches, data));
      for (std::size_t m = 0; m < losses.size(); ++m) {
        REQUIRE(std::abs(losses[m] - expected[m]) <= 1e-5);
      }
    }
  }
}

TEST_CASE("nesterov learns on eight stages with delay") {
  constexpr std::uint32_t kMicrobatches = 120;
  const Data data = make_data(kMicrobatches);
  auto line = must(vectors::Line::make(line_options(8, "nesterov")));
  const auto losses = must(line.train(kMicrobatches, data));
  const auto mean = [&](std::size_t from) {
    double sum = 0;
    for (std::size_t i = from; i < from + 20; ++i) sum += losses[i];
    return sum / 20;
  };
  CHECK(mean(100) < mean(0) - 0.2);
}

TEST_CASE("training goes on from a checkpoint of another split as if nothing had happened") {
  const Data data = make_data(24);
  const auto later = [&](std::uint32_t m) { return data(m + 12); };
  auto line = must(vectors::Line::make(line_options(4, "gpipe")));
  must(line.train(12, data));
  const TemporaryFolder folder;
  const auto files = save(line, folder);
  const auto expected = must(line.train(12, later));
  for (const std::uint32_t stages : {1U, 2U, 8U}) {
    auto resumed = must(vectors::Line::make(line_options(stages, "gpipe")));
    must(resumed.restore(files));
    resumed.set_updates(3);
    const auto losses = must(resumed.train(12, later));
    for (std::size_t m = 0; m < losses.size(); ++m) {
      REQUIRE(std::abs(losses[m] - expected[m]) <= 1e-5);
    }
  }
}

TEST_CASE("a snapshot is written by another thread while training goes on") {
  const Data data = make_data(16);
  auto line = must(vectors::Line::make(line_options(2, "nesterov")));
  must(line.train(4, data));
  const TemporaryFolder folder;
  const auto before = weights_of(line.stage(0));
  const SnapshotPtr snapshot = line.stage(0).snapshot();
  const auto file = folder / "stage.safetensors";
  std::thread writer([&] { must(write_snapshot(*snapshot, {}, file)); });
  must(line.train(12, data));
  writer.join();
  CHECK(weights_of(line.stage(0)) != before);
  CHECK(verify_checkpoint(file).has_value());
  const std::vector<std::filesystem::path> files{file};
  must(line.stage(0).restore(files));
  CHECK(weights_of(line.stage(0)) == before);
}

TEST_CASE("a model read back from checkpoints or their export has the line's loss") {
  const Data data = make_data(9);
  auto line = must(vectors::Line::make(line_options(4, "nesterov")));
  must(line.train(8, data));
  const double expected = must(line.evaluate(data(8)));
  const TemporaryFolder folder;
  save(line, folder);
  const ModelFiles files = must(find_model(folder.path()));
  must(export_hugging_face(files, folder / "exported"));
  for (const ModelFiles& source : {files, must(find_model(folder / "exported"))}) {
    const auto model = must(LanguageModel::load(source, "cpu", 1));
    const Loss loss = must(model->loss(data(8), 2));
    CHECK(loss.tokens == 16);
    CHECK(loss.nats / loss.tokens == Approx(expected).epsilon(1e-6));
  }
}

TEST_CASE("the golden model has the golden logits at every position") {
  const std::filesystem::path golden =
      std::filesystem::path(test::tests_folder()) / "vectors/golden";
  const auto model = must(LanguageModel::load(must(find_model(golden / "model")), "cpu", 1));
  const auto expected = must(SafetensorsFile::open(golden / "forward_mb0.safetensors"));
  const TensorEntry* entry = expected.header().find("logits");
  REQUIRE(entry != nullptr);
  std::vector<float> logits(entry->elements());
  must(expected.read(*entry, logits));
  const auto tokens = must(SafetensorsFile::open(golden / "tokens.safetensors"));
  std::vector<std::int32_t> row(16);
  std::memcpy(row.data(), tokens.data(*tokens.header().find("tokens")).data(), 64);
  for (std::size_t length = 1; length <= row.size(); ++length) {
    const auto scores = must(model->logits(std::span(row).first(length)));
    for (std::size_t v = 0; v < scores.size(); ++v) {
      REQUIRE(std::abs(scores[v] - logits[(length - 1) * scores.size() + v]) < 1e-5F);
    }
  }
  CHECK(model->logits({}).has_error());
}

TEST_CASE("a prompt longer than the context counts by its end") {
  StageOptions options = small_stage();
  auto line = must(vectors::Line::make(line_options(1, "gpipe")));
  const TemporaryFolder folder;
  save(line, folder);
  const auto model = must(LanguageModel::load(must(find_model(folder.path())), "cpu", 1));
  const auto tokens = random_tokens(options, 1);
  CHECK(must(model->logits(tokens)) == must(model->logits(std::span(tokens).last(8))));
}

}  // namespace brigade::stage
