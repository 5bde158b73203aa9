#include "daemon/members/data_shelf.hpp"

#include <brigade/v1/membership.pb.h>

#include <fstream>

#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

namespace brigade::daemon {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

std::string piece_of(std::uint32_t file, std::uint64_t offset, std::uint32_t bytes) {
  v1::DataRequest request;
  request.set_file(file);
  request.set_offset(offset);
  request.set_bytes(bytes);
  return request.SerializeAsString();
}

TEST_CASE("data are given piece by piece, and nothing that was not asked for as it should be") {
  const test::TemporaryFolder folder;
  const std::vector<DataFile> files = {{folder / "a", "{}", 10, {}}, {folder / "b", "{}", 10, {}}};
  put(folder / "a", "0123456789");
  CHECK(data_answer(piece_of(0, 0, 4), files).error().message == "the data are not here");
  put(folder / "a.json", "{}");
  CHECK(data_answer(piece_of(0, 0, 4), files).value() == "0123");
  CHECK(data_answer(piece_of(0, 8, 4), files).value() == "89");
  for (const std::string& question :
       {piece_of(0, 10, 4), piece_of(0, 0, 0), piece_of(0, 0, 2'000'000), piece_of(1, 0, 4),
        piece_of(7, 0, 4), piece_of(0, ~std::uint64_t{0}, 4), std::string("\xff\xff")}) {
    REQUIRE(data_answer(question, files).has_error());
    CHECK(data_answer(question, files).error().code == ErrorCode::kBadInput);
  }
}

TEST_CASE("a shelf is complete when every file is there with its manifest, and never if empty") {
  const test::TemporaryFolder folder;
  boost::asio::io_context core;
  DataShelf::Setup setup;
  for (const char* name : {"a", "b"}) setup.files.push_back({folder / name, "{}", 1, {}});
  CHECK_FALSE(DataShelf(core, {}).is_complete());
  for (const char* name : {"a", "a.json", "b", "b.json"}) {
    CHECK_FALSE(DataShelf(core, setup).is_complete());
    put(folder / name, "x");
  }
  CHECK(DataShelf(core, setup).is_complete());
}

TEST_CASE("pieces are asked for from where they end, and one of another length ends the copy") {
  const std::string whole(2'500'000, 'x');
  const std::atomic<bool> is_stopped{false};
  std::string got;
  std::vector<std::uint64_t> offsets;
  const auto ask = [&](std::uint64_t offset, std::uint32_t bytes) -> Result<std::string> {
    offsets.push_back(offset);
    if (offsets.size() == 1) return make_error(ErrorCode::kUnavailable, "busy");  // asked again
    return whole.substr(offset, bytes);
  };
  const auto take = [&](std::uint64_t, const std::string& piece) -> Result<> {
    got += piece;
    return {};
  };
  REQUIRE(fetch_pieces(ask, {500'000, whole.size()}, take, is_stopped, 0).has_value());
  CHECK(got.size() == 2'000'000);
  CHECK(offsets == std::vector<std::uint64_t>{500'000, 500'000, 500'000 + 1024 * 1024});
  const auto liar = [](std::uint64_t, std::uint32_t) { return Result<std::string>("short"); };
  CHECK(fetch_pieces(liar, {0, 100}, take, is_stopped, 0).error().code == ErrorCode::kProtocol);
}

}  // namespace
}  // namespace brigade::daemon
