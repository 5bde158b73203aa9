#include "daemon/members/beginning.hpp"

#include <brigade/v1/membership.pb.h>

#include <boost/asio/executor_work_guard.hpp>
#include <chrono>
#include <fstream>

#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

namespace brigade::daemon {
namespace {

struct Holding {
  test::TemporaryFolder folder;
  std::vector<HeldCheckpoint> own;

  explicit Holding(const std::string& bytes) {
    own.push_back({{Epoch{2}, 100}, folder / "step"});
    std::ofstream(own.front().path, std::ios::binary) << bytes;
  }
  Result<std::string> piece(std::uint64_t position, std::uint64_t offset, std::uint32_t bytes) {
    brigade::v1::PieceRequest request;
    request.set_epoch(2);
    request.set_position(position);
    request.set_offset(offset);
    request.set_bytes(bytes);
    return piece_answer(request.SerializeAsString(), own);
  }
};

TEST_CASE("who begins is told what there is, and gets it piece by piece") {
  Holding donor("0123456789");
  brigade::v1::CheckpointsReply reply;
  REQUIRE(reply.ParseFromString(checkpoints_answer(donor.own)));
  REQUIRE(reply.files_size() == 1);
  CHECK(reply.files(0).epoch() == 2);
  CHECK(reply.files(0).position() == 100);
  CHECK(reply.files(0).bytes() == 10);
  CHECK(donor.piece(100, 0, 4).value() == "0123");
  CHECK(donor.piece(100, 8, 4).value() == "89");
}

TEST_CASE("what is not there, or beyond the bounds, is refused") {
  Holding donor("0123456789");
  CHECK(donor.piece(99, 0, 4).has_error());
  CHECK(donor.piece(100, 10, 4).has_error());
  CHECK(donor.piece(100, 1ULL << 62, 4).has_error());
  CHECK(donor.piece(100, 0, 0).has_error());
  CHECK(donor.piece(100, 0, 2 * 1024 * 1024).has_error());
  CHECK(piece_answer("nonsense", donor.own).has_error());
  std::filesystem::remove(donor.own.front().path);
  CHECK(donor.piece(100, 0, 4).has_error());
  brigade::v1::CheckpointsReply reply;
  REQUIRE(reply.ParseFromString(checkpoints_answer(donor.own)));
  CHECK(reply.files_size() == 0);
}

struct Newcomer {
  boost::asio::io_context core;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work =
      boost::asio::make_work_guard(core);
  std::vector<HeldCheckpoint> own;
  StateInSwarm swarm;
  bool is_waiting = true;
  std::vector<std::uint64_t> begun_with;  // positions
  Beginning beginning{
      core,
      {.identity = {},
       .stage = {},
       .folder = {},
       .most_bytes = 1000,
       .own = [this] { return own; },
       .take_in = nullptr,
       .start_from =
           [this](const swarm::CheckpointId& id) {
             begun_with.push_back(id.position);
             is_waiting = false;
           },
       .blame = [](const NodeId&, const std::string&) { FAIL("nobody gave a copy"); },
       .is_waiting = [this] { return is_waiting; }}};

  void look(int times = 1) {
    for (int i = 0; i < times; ++i) core.run_for(Beginning::kLook + std::chrono::milliseconds{100});
  }
  void start() {
    beginning.start([this] { return swarm; }, {});
  }
};

TEST_CASE("the first of a swarm begins with the seed") {
  Newcomer node;
  node.start();
  CHECK(node.beginning.waiting_for() != "");
  node.look(2);
  CHECK(node.begun_with == std::vector<std::uint64_t>{0});
  CHECK(node.beginning.waiting_for().empty());
}

TEST_CASE("without a donor a node begins with its own newest, and once alone") {
  Newcomer node;
  node.own = {{{Epoch{1}, 100}, "a"}, {{Epoch{1}, 300}, "b"}, {{Epoch{1}, 200}, "c"}};
  node.swarm.has_trained = true;
  node.start();
  node.look(4);
  CHECK(node.begun_with == std::vector<std::uint64_t>{300});
}

TEST_CASE("what can't be restored is not begun with again") {
  Newcomer node;
  node.own = {{{Epoch{1}, 100}, "a"}, {{Epoch{1}, 300}, "b"}};
  node.start();
  node.look(2);
  node.is_waiting = true;  // training says that it failed
  node.look(2);
  CHECK(node.begun_with == std::vector<std::uint64_t>{300, 100});
}

TEST_CASE("a stage that was trained is never begun anew while nobody has it") {
  Newcomer node;
  node.swarm.has_trained = true;
  node.start();
  node.look(3);
  CHECK(node.begun_with.empty());
  CHECK(node.beginning.waiting_for().find("nobody") != std::string::npos);
  node.swarm.has_trained = false;  // it was somebody who is gone
  node.look(2);
  CHECK(node.begun_with.size() == 1);
}

TEST_CASE("who should meet others waits for them, and so does who can't dial a donor") {
  Newcomer alone;
  alone.swarm.has_met = false;
  alone.start();
  alone.look(3);
  CHECK(alone.begun_with.empty());

  Newcomer cut_off;
  cut_off.own = {{{Epoch{1}, 100}, "a"}};
  cut_off.swarm = {.donors = {{NodeId{}, "", {}}}, .has_trained = true, .lives = true};
  cut_off.start();
  cut_off.look(2);
  CHECK(cut_off.begun_with.empty());
}

}  // namespace
}  // namespace brigade::daemon
