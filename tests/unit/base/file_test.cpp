#include "base/file.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

using namespace brigade;

TEST_CASE("a file is read whole up to its bound and refused beyond it") {
  const test::TemporaryFolder folder;
  const auto file = folder.write("text", std::string(100, 'x'));
  CHECK(read_file(file, 100).value() == std::string(100, 'x'));
  CHECK(read_file(file, 99).error().code == ErrorCode::kLimit);
  CHECK(read_file(folder / "missing", 99).error().code == ErrorCode::kNotFound);
  CHECK(read_file(folder.path(), 99).error().code == ErrorCode::kBadInput);
}

TEST_CASE("a file larger than one read arrives complete") {
  const test::TemporaryFolder folder;
  std::string text(300'000, 'a');
  text.back() = 'z';
  CHECK(read_file(folder.write("text", text), 1'000'000).value() == text);
}

TEST_CASE("an atomic file shows nothing before commit and everything after") {
  const test::TemporaryFolder folder;
  const auto file = folder.write("state", "old");
  auto out = AtomicFile::create(file);
  REQUIRE(out);
  REQUIRE(out->write(std::string_view("new")));
  CHECK(read_file(file, 10).value() == "old");
  REQUIRE(out->commit());
  CHECK(read_file(file, 10).value() == "new");
  CHECK(folder.count_files() == 1);
}

TEST_CASE("an atomic file that is given up leaves nothing behind") {
  const test::TemporaryFolder folder;
  {
    auto out = AtomicFile::create(folder / "state");
    REQUIRE(out);
    REQUIRE(out->write(std::string_view("half")));
    auto moved = std::move(*out);
  }
  CHECK(folder.count_files() == 0);
}

TEST_CASE("a folder that is missing is an error that names the file") {
  const test::TemporaryFolder folder;
  const auto done = write_file_atomically(folder / "no" / "file", "text");
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::kNotFound);
  CHECK(done.error().message.find("no/file") != std::string::npos);
}
