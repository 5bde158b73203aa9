// Whole daemons in one process: the real core, real links under mutual TLS on loopback, real files;
// only the mathematics is made of paper.
#include "daemon/daemon.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "base/file.hpp"
#include "stage_runtime/data/token_file.hpp"
#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

namespace fs = std::filesystem;

void write_tokens(const fs::path& file, std::uint64_t count) {
  const std::vector<std::uint16_t> ids(count, 1);
  const std::string_view bytes(reinterpret_cast<const char*>(ids.data()),
                               ids.size() * sizeof(std::uint16_t));
  stage::TokenManifest manifest;
  manifest.tokens = count;
  manifest.vocabulary = kVocabulary;
  manifest.checksum =
      payload_checksum({reinterpret_cast<const std::byte*>(ids.data()), bytes.size()});
  REQUIRE(write_file_atomically(file, bytes).has_value());
  REQUIRE(write_file_atomically(stage::manifest_path(file), stage::to_json(manifest)).has_value());
}

/// `failing_writes`: so many checkpoints after the first find no room on the disk.
StageLibrary paper_library(std::shared_ptr<std::atomic<int>> failing_writes) {
  const stage::Slice slice{0, 1, 0, 2};  // every file claims everything: splits are not tested here
  StageLibrary library{
      .make = [](const stage::StageOptions& options) -> Result<std::unique_ptr<stage::Stage>> {
        return std::unique_ptr<stage::Stage>(
            std::make_unique<FakeStage>(options.slice.stage, options.slice.stages));
      },
      .cost = [](const config::SwarmConfig&) { return stage::SliceCost{.block = 1}; },
      .estimate = [](const stage::StageOptions&) { return stage::MemoryEstimate{}; },
      .checkpoints = text_access(slice)};
  const auto write = library.checkpoints.write;
  library.checkpoints.write = [=](const stage::Snapshot& snapshot,
                                  const stage::CheckpointInfo& info,
                                  const fs::path& file) -> Result<> {
    if (info.position > 0 && failing_writes->fetch_sub(1) > 0)
      return make_error(ErrorCode::kIo, "no space left on device");
    stage::CheckpointInfo full = info;
    full.model.vocabulary = kVocabulary;
    return write(snapshot, full, file);
  };
  library.checkpoints.verify = [](const fs::path& file) -> Result<stage::CheckpointInfo> {
    BRIGADE_ASSIGN(stage::CheckpointInfo info, verify_text(file));
    info.model = {
        .vocabulary = kVocabulary, .context = kTokens, .width = kWidth, .blocks = 2, .heads = 2};
    info.slice = {0, 1, 0, 2};
    return info;
  };
  return library;
}

/// Folders, keys and settings of a line.
struct Line {
  explicit Line(std::uint32_t stages) {
    swarm.stages = stages;
    swarm.model = {
        .vocabulary = kVocabulary, .context = kTokens, .width = kWidth, .blocks = 2, .heads = 2};
    swarm.run.steps = 40;
    swarm.run.batch = kBatch;
    swarm.run.context = kTokens;
    swarm.run.checkpoint_every = 10;
    swarm.data.train = (folder.path() / "train.bin").string();
    swarm.data.validation = (folder.path() / "val.bin").string();
    write_tokens(swarm.data.train, 100);
    write_tokens(swarm.data.validation, 30);
    for (std::uint32_t stage = 0; stage < stages; ++stage)
      ids.push_back(load_or_create_identity(state_dir(stage) / "identity.pem").value().id);
  }

  fs::path state_dir(std::uint32_t stage) const {
    const fs::path path = folder.path() / ("node-" + std::to_string(stage));
    fs::create_directories(path);
    return path;
  }

  Result<std::unique_ptr<Daemon>> make(std::uint32_t stage, const std::string& upstream) const {
    DaemonOptions options;
    options.swarm = swarm;
    options.exit_when_over = true;
    options.handle_signals = false;
    auto& node = options.node;
    node.stage = stage;
    node.state_dir = state_dir(stage);
    node.identity = node.state_dir / "identity.pem";
    node.control = (node.state_dir / "control.sock").string();
    node.listen = "127.0.0.1:0";
    node.link_delay_ms = link_delay_ms;
    if (stage == older_stage) options.decodes = {Codec::kFp32};
    if (stage > 0) node.peers.push_back({to_hex(ids[stage - 1]), upstream, stage - 1});
    if (stage + 1 < swarm.stages) node.peers.push_back({to_hex(ids[stage + 1]), "", stage + 1});
    return Daemon::make(std::move(options), paper_library(failing_writes));
  }

  /// All stages, until the run is over.
  void run() const {
    std::vector<std::unique_ptr<Daemon>> daemons;
    std::vector<std::thread> threads;
    std::string upstream;
    for (std::uint32_t stage = 0; stage < swarm.stages; ++stage) {
      auto daemon = make(stage, upstream);
      INFO((daemon.has_error() ? daemon.error().message : std::string{}));
      REQUIRE(daemon.has_value());
      upstream = (*daemon)->listen_address();
      daemons.push_back(std::move(daemon).value());
    }
    for (auto& daemon : daemons)
      threads.emplace_back([&daemon] { CHECK(daemon->run().has_value()); });
    for (auto& thread : threads) thread.join();
  }

  std::vector<std::string> checkpoints(std::uint32_t stage) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(state_dir(stage) / "checkpoints"))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  TempFolder folder;
  config::SwarmConfig swarm;
  std::vector<NodeId> ids;
  std::uint32_t link_delay_ms = 0;
  std::optional<std::uint32_t> older_stage;  // decodes fp32 alone
  std::shared_ptr<std::atomic<int>> failing_writes = std::make_shared<std::atomic<int>>(0);
};

TEST_CASE("a line of two daemons trains over real links, checkpoints and ends by itself") {
  const Line line(2);
  line.run();
  const std::vector<std::string> kept{"step-000000000030-e1.safetensors",
                                      "step-000000000040-e1.safetensors"};
  CHECK(line.checkpoints(0) == kept);
  CHECK(line.checkpoints(1) == kept);
  const auto info = verify_text(line.state_dir(1) / "checkpoints" / kept.back());
  REQUIRE(info.has_value());
  CHECK(info->version == 40);  // one update a micro-batch, none lost and none twice
}

TEST_CASE("a delay line costs a window of micro-batches its round trip, and changes nothing else") {
  Line line(2);
  line.link_delay_ms = 20;
  line.swarm.run.window = 2;
  const auto start = std::chrono::steady_clock::now();
  line.run();
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(took >= std::chrono::milliseconds{20} * line.swarm.run.steps / 2);
  CHECK(line.checkpoints(1).back() == "step-000000000040-e1.safetensors");
}

TEST_CASE("a line trains in the codec that its swarm wishes for") {
  Line line(2);
  line.swarm.run.codec = GENERATE("bf16", "int8");
  line.run();
  for (std::uint32_t stage = 0; stage < 2; ++stage)
    CHECK(line.checkpoints(stage).back() == "step-000000000040-e1.safetensors");
}

TEST_CASE("a node that decodes less gets fp32, and the line trains all the same") {
  Line line(2);
  line.swarm.run.codec = "int8";
  line.older_stage = GENERATE(0, 1);
  line.run();
  for (std::uint32_t stage = 0; stage < 2; ++stage)
    CHECK(line.checkpoints(stage).back() == "step-000000000040-e1.safetensors");
}

TEST_CASE("a line of one needs no peer") {
  const Line line(1);
  line.run();
  CHECK(line.checkpoints(0).back() == "step-000000000040-e1.safetensors");
}

TEST_CASE("a second start goes on where the first ended, in a new epoch") {
  Line line(2);
  line.run();
  line.swarm.run.steps = 60;
  line.run();
  const std::string newest = "step-000000000060-e2.safetensors";
  REQUIRE(line.checkpoints(1).back() == newest);
  CHECK(verify_text(line.state_dir(1) / "checkpoints" / newest).value().version == 60);
}

TEST_CASE("a full disk costs checkpoints, not the run, and later ones are written again") {
  Line line(2);
  line.failing_writes->store(3);
  line.run();
  CHECK(line.failing_writes->load() <= 0);
  CHECK(line.checkpoints(1).back() == "step-000000000040-e1.safetensors");
}

TEST_CASE("an address in use is an error of the start that names it") {
  const Line line(1);
  const auto first = line.make(0, "");
  REQUIRE(first.has_value());
  Line other(1);
  DaemonOptions options;
  options.swarm = other.swarm;
  options.handle_signals = false;
  options.node.state_dir = other.state_dir(0);
  options.node.identity = options.node.state_dir / "identity.pem";
  options.node.control = (options.node.state_dir / "control.sock").string();
  options.node.listen = (*first)->listen_address();
  const auto second = Daemon::make(std::move(options), paper_library(other.failing_writes));
  REQUIRE(second.has_error());
  CHECK(second.error().code == ErrorCode::kIo);
  CHECK(second.error().message.find((*first)->listen_address()) != std::string::npos);
}

TEST_CASE("a head without data, or with ids past the vocabulary, does not start") {
  Line line(1);
  SECTION("no data") {
    line.swarm.data.train.clear();
    const auto daemon = line.make(0, "");
    REQUIRE(daemon.has_error());
    CHECK(daemon.error().message.find("data.train") != std::string::npos);
  }
  SECTION("a smaller vocabulary") {
    line.swarm.model.vocabulary = kVocabulary - 1;
    const auto daemon = line.make(0, "");
    REQUIRE(daemon.has_error());
    CHECK(daemon.error().code == ErrorCode::kBadInput);
  }
}

}  // namespace
}  // namespace brigade::daemon::testing
