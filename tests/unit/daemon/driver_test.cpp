// The driver with the real core, engine, files and blocking pool; the neighbours and the transport
// are played by hand.
#include "daemon/driver.hpp"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;

NodeId node_id(std::uint8_t number) {
  NodeId id;
  id.bytes[0] = number;
  return id;
}

struct Sent {
  NodeId to;
  swarm::Message message;
  std::optional<PayloadData> payload;
};

class NoTransport final : public Transport {
 public:
  Result<> start() override { return {}; }
  std::string listen_address() const override { return {}; }
  void send(const NodeId& to, const swarm::Message& message,
            std::optional<PayloadData> payload) override {
    sent.push_back({to, message, std::move(payload)});
  }
  void send_gossip(const NodeId&, std::string) override {}
  void dial(const NodeId&, const std::string&) override {}
  void dial_through(const NodeId&, const RelayAddress&) override {}
  Result<std::string> open_way(const NodeId&, const RelayAddress&) override {
    return make_error(ErrorCode::kUnavailable, "no way");
  }
  void drop(const NodeId&, const std::string&) override {}
  std::vector<LinkInfo> links() const override { return {}; }
  TransportCounters counters() const override { return {}; }
  void stop() override {}

  std::vector<Sent> sent;
};

/// The tail of two stages, one start of it, in a folder that outlives it.
struct Tail {
  static constexpr std::uint64_t kHead = 100;  // its instance
  const NodeId head = node_id(1);
  const NodeId self = node_id(2);
  const stage::Slice slice{.stage = 1, .stages = 2, .first_block = 0, .blocks = 2};
  const std::uint64_t instance;
  StateDir state;
  CheckpointStore checkpoints;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;
  asio::io_context core;
  asio::thread_pool pool{1};
  NoTransport transport;
  Engine engine;
  std::optional<Driver> driver;
  TransportCallbacks callbacks;

  Tail(const fs::path& folder, std::uint64_t its_instance)
      : instance(its_instance),
        state(StateDir::open(folder).value()),
        checkpoints(state.checkpoints(), model(), slice, text_access(slice)),
        engine(shape_of(slice), [this](ComputeOutcome outcome) {
          asio::post(core, [this, one = std::move(outcome)]() mutable {
            driver->on_outcome(std::move(one));
          });
        }) {
    REQUIRE(checkpoints.scan({}, notes).has_value());
    const auto make = []() -> Result<std::unique_ptr<stage::Stage>> {
      return std::unique_ptr<stage::Stage>(std::make_unique<FakeStage>(1, 2));
    };
    REQUIRE(engine.start(make, nullptr).has_value());
    swarm::Options options;
    options.has_replicas = true;
    options.self = self;
    options.instance = instance;
    options.stage = StageIndex(1);
    options.stages = 2;
    options.checkpoint_every = 1;
    const auto report = [this](const Report& one) {
      if (const auto* warned = std::get_if<Warned>(&one)) warnings.push_back(warned->text);
    };
    driver.emplace(Driver::Parts{core, pool, engine, state, checkpoints, report,
                                 [](const swarm::LinkWanted&) {}, Codec::kFp32},
                   options, swarm::StartState{checkpoints.sound(), Epoch(1)});
    callbacks = driver->transport_callbacks();
    driver->attach(transport);
    driver->start();
    callbacks.on_link_up({head, "", StageIndex(0), false, kHead});
    driver->start_from(checkpoints.sound().empty() ? swarm::CheckpointId{}
                                                   : checkpoints.sound().back());
    until([this] { return driver->status().phase == swarm::Phase::kTraining; });
  }
  ~Tail() {
    driver->halt();
    engine.stop();
    pool.join();
    core.poll();
  }

  static stage::ModelShape model() {
    stage::ModelShape model;
    model.blocks = 4;
    return model;
  }
  void until(const std::function<bool()>& is_so) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!is_so()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      core.restart();
      core.run_for(std::chrono::milliseconds(10));
    }
  }
  static MicrobatchId id() {
    return {Epoch(1), HeadIndex(kHead), Sequence(0), MicrobatchId::Kind::kTrain};
  }
  swarm::Path path(std::uint32_t revision) const {
    return {{{head, kHead}, {self, instance}}, revision, 2, Sequence(0)};
  }
  const Sent* gradient() const {
    for (const Sent& one : transport.sent)
      if (std::holds_alternative<swarm::Backward>(one.message)) return &one;
    return nullptr;
  }
};

/// Up to the checkpoint that contains it, with nobody who says that its gradient has come.
void apply_and_store(const fs::path& folder) {
  Tail first(folder, 200);
  first.callbacks.on_message(
      first.head, swarm::Forward{Tail::id(), Attempt(1), {Sequence(0), 1}, {}, first.path(0)},
      make_activation(1, 2));
  first.until([&] { return first.gradient() != nullptr; });
  const swarm::CheckpointId stored{Epoch(1), 1};
  first.until([&] { return !first.checkpoints.files(stored).empty(); });
  CHECK(first.warnings.empty());
}

TEST_CASE("a node that is killed and started again answers with the gradient that it kept") {
  const TempFolder folder;
  apply_and_store(folder.path());
  Tail again(folder.path(), 201);
  CHECK(again.driver->status().position == 1);
  again.callbacks.on_message(
      again.head, swarm::Query{Tail::id(), swarm::Direction::kForward, Attempt(1), again.path(1)},
      std::nullopt);
  REQUIRE(again.gradient() != nullptr);
  REQUIRE(again.gradient()->payload.has_value());
  CHECK(first_element(*again.gradient()->payload) == 1);  // what the fake stage makes of none
  CHECK(std::get<swarm::Backward>(again.gradient()->message).loss.tokens == kBatch * kTokens);
  CHECK(again.driver->status().applied == 0);
  CHECK(again.warnings.empty());
}

TEST_CASE("a damaged file of what was kept is said, and nothing else is lost") {
  const TempFolder folder;
  apply_and_store(folder.path());
  std::ofstream(folder.path() / "checkpoints" / "step-000000000001-e1.kept") << "garbage";
  Tail again(folder.path(), 201);
  CHECK(again.driver->status().position == 1);
  REQUIRE(again.warnings.size() == 1);
  CHECK(again.warnings.front().find("may be applied twice") != std::string::npos);
  again.callbacks.on_message(
      again.head, swarm::Query{Tail::id(), swarm::Direction::kForward, Attempt(1), again.path(1)},
      std::nullopt);
  CHECK(again.gradient() == nullptr);
}

TEST_CASE("without room for what is kept the checkpoint is stored all the same, said once") {
  const TempFolder folder;
  // A folder in the place of the file that it is written to first.
  Tail tail(folder.path(), 200);
  fs::create_directories(folder.path() / "checkpoints" /
                         ("step-000000000001-e1.kept.tmp" + std::to_string(::getpid())));
  tail.callbacks.on_message(
      tail.head, swarm::Forward{Tail::id(), Attempt(1), {Sequence(0), 1}, {}, tail.path(0)},
      make_activation(1, 2));
  tail.until([&] { return !tail.checkpoints.files({Epoch(1), 1}).empty(); });
  REQUIRE(tail.warnings.size() == 1);
  CHECK(tail.warnings.front().find("training goes on") != std::string::npos);
}

}  // namespace
}  // namespace brigade::daemon::testing
