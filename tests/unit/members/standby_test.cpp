#include "daemon/members/standby.hpp"

#include <brigade/v1/membership.pb.h>

#include <fstream>

#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

namespace brigade::daemon {
namespace {

struct Worker {
  test::TemporaryFolder folder;
  std::vector<OwnCheckpoint> own;

  explicit Worker(const std::string& bytes) {
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

TEST_CASE("who stands by is told what there is, and gets it piece by piece") {
  Worker worker("0123456789");
  brigade::v1::CheckpointsReply reply;
  REQUIRE(reply.ParseFromString(checkpoints_answer(worker.own)));
  REQUIRE(reply.files_size() == 1);
  CHECK(reply.files(0).epoch() == 2);
  CHECK(reply.files(0).position() == 100);
  CHECK(reply.files(0).bytes() == 10);
  CHECK(worker.piece(100, 0, 4).value() == "0123");
  CHECK(worker.piece(100, 8, 4).value() == "89");
}

TEST_CASE("what is not there, or beyond the bounds, is refused") {
  Worker worker("0123456789");
  CHECK(worker.piece(99, 0, 4).has_error());
  CHECK(worker.piece(100, 10, 4).has_error());
  CHECK(worker.piece(100, 1ULL << 62, 4).has_error());
  CHECK(worker.piece(100, 0, 0).has_error());
  CHECK(worker.piece(100, 0, 2 * 1024 * 1024).has_error());
  CHECK(piece_answer("nonsense", worker.own).has_error());
  std::filesystem::remove(worker.own.front().path);
  CHECK(worker.piece(100, 0, 4).has_error());
  brigade::v1::CheckpointsReply reply;
  REQUIRE(reply.ParseFromString(checkpoints_answer(worker.own)));
  CHECK(reply.files_size() == 0);
}

}  // namespace
}  // namespace brigade::daemon
