#include "stage_runtime/data/token_file.hpp"

#include <map>
#include <set>
#include <string>

#include "stage_runtime/data/token_writer.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

using namespace brigade;
using namespace brigade::stage;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Tokens 0, 1, 2, …, modulo the vocabulary.
std::filesystem::path count_up(const test::TemporaryFolder& folder, std::uint32_t tokens,
                               std::uint32_t vocabulary = 256) {
  auto writer = TokenWriter::create(folder / "train.bin", vocabulary, "bytes");
  std::vector<std::int32_t> ids;
  for (std::uint32_t index = 0; index < tokens; ++index) {
    ids.push_back(static_cast<std::int32_t>(index % vocabulary));
  }
  REQUIRE(writer->append(ids, ids.size()));
  REQUIRE(writer->commit());
  return folder / "train.bin";
}

MicrobatchId microbatch(std::uint64_t sequence, std::uint32_t epoch = 0, std::uint32_t head = 0) {
  return {Epoch(epoch), HeadIndex(head), Sequence(sequence)};
}

std::string open_error(const std::filesystem::path& file) {
  const auto opened = TokenFile::open(file);
  return opened ? "" : opened.error().message;
}

}  // namespace

TEST_CASE("what was written is what is read, in two bytes and in four") {
  const test::TemporaryFolder folder;
  for (const std::uint32_t vocabulary : {256U, 65'536U, 65'537U, 1'000'000U}) {
    const auto file = TokenFile::open(count_up(folder, 1000, vocabulary));
    REQUIRE(file);
    CHECK(file->size() == 1000);
    CHECK(file->manifest().bytes_per_token == (vocabulary > 65'536 ? 4U : 2U));
    CHECK((*file)[999] == static_cast<std::int32_t>(999 % vocabulary));
  }
}

TEST_CASE("a micro-batch is drawn the same every time and unlike every other") {
  const test::TemporaryFolder folder;
  const auto file = TokenFile::open(count_up(folder, 60'000, 65'536));
  REQUIRE(file);
  const auto first = file->draw(1, microbatch(7), 4, 16);
  CHECK(first.size() == 4 * 17);
  CHECK(first == file->draw(1, microbatch(7), 4, 16));
  CHECK(first != file->draw(2, microbatch(7), 4, 16));
  CHECK(first != file->draw(1, microbatch(8), 4, 16));
  CHECK(first != file->draw(1, microbatch(7, 1), 4, 16));
  CHECK(first != file->draw(1, microbatch(7, 0, 1), 4, 16));
}

TEST_CASE("the draw of a micro-batch never changes between versions of Brigade") {
  const test::TemporaryFolder folder;
  const auto file = TokenFile::open(count_up(folder, 60'000, 65'536));
  REQUIRE(file);
  const auto rows = file->draw(42, microbatch(3, 1, 2), 3, 1);
  // Worked out by an independent program from base/random.hpp's formulas.
  CHECK(std::vector{rows[0], rows[2], rows[4]} == std::vector<std::int32_t>{50494, 42036, 44199});
}

TEST_CASE("windows are consecutive tokens and reach both ends of the file") {
  const test::TemporaryFolder folder;
  const auto file = TokenFile::open(count_up(folder, 10));
  REQUIRE(file);
  std::map<std::int32_t, int> starts;
  for (std::uint64_t sequence = 0; sequence < 400; ++sequence) {
    const auto rows = file->draw(5, microbatch(sequence), 1, 6);
    for (std::size_t index = 1; index < rows.size(); ++index) {
      REQUIRE(rows[index] == rows[index - 1] + 1);
    }
    ++starts[rows.front()];
  }
  CHECK(starts.size() == 4);  // 0 … 3: the last window ends with the last token
  for (const auto& [start, count] : starts) CHECK(count > 50);
}

TEST_CASE("evaluation sees every target once and in order") {
  const test::TemporaryFolder folder;
  const auto file = TokenFile::open(count_up(folder, 101));
  REQUIRE(file);
  REQUIRE(file->eval_batches(2, 10) == 5);
  std::set<std::int32_t> targets;
  for (std::uint64_t index = 0; index < 5; ++index) {
    const auto rows = file->window(index, 2, 10);
    REQUIRE(rows.size() == 22);
    for (const std::size_t row : {std::size_t{0}, std::size_t{11}}) {
      for (std::size_t at = row + 1; at < row + 11; ++at) {
        REQUIRE(rows[at] == rows[at - 1] + 1);
        CHECK(targets.insert(rows[at]).second);
      }
    }
  }
  CHECK(targets.size() == 100);
}

TEST_CASE("an incomplete last evaluation batch is left out") {
  const test::TemporaryFolder folder;
  const auto file = TokenFile::open(count_up(folder, 100));
  REQUIRE(file);
  CHECK(file->eval_batches(2, 10) == 4);
  CHECK(file->eval_batches(10, 10) == 0);
  CHECK(file->eval_batches(1, 99) == 1);
  CHECK(file->eval_batches(1, 100) == 0);
}

TEST_CASE("too short data are refused with what is missing") {
  const test::TemporaryFolder folder;
  const auto file = TokenFile::open(count_up(folder, 100));
  REQUIRE(file);
  CHECK(file->check_length(1, 99));
  const auto done = file->check_length(8, 128);
  REQUIRE_FALSE(done);
  CHECK(contains(done.error().message, "has 100 tokens, 1025 are needed"));
}

TEST_CASE("a token file that is damaged is refused before anything is drawn") {
  const test::TemporaryFolder folder;
  const auto file = count_up(folder, 100);
  const std::string bytes = folder.read("train.bin");
  SECTION("a flipped bit") {
    std::string flipped = bytes;
    flipped[80] = static_cast<char>(flipped[80] ^ 1);
    folder.write("train.bin", flipped);
    CHECK(contains(open_error(file), "does not match the checksum"));
    CHECK(TokenFile::open(file, /*verify=*/false));
  }
  SECTION("cut short") {
    folder.write("train.bin", bytes.substr(0, 150));
    CHECK(contains(open_error(file), "has 150 bytes, 100 tokens of 2 bytes are expected"));
  }
  SECTION("empty") {
    folder.write("train.bin", "");
    CHECK(contains(open_error(file), "train.bin is empty"));
  }
  SECTION("an id past the vocabulary") {
    std::string past = bytes;
    past[21] = 1;  // token 10 becomes 266
    folder.write("train.bin", past);
    const auto opened = TokenFile::open(file, /*verify=*/false);
    REQUIRE_FALSE(opened);
    CHECK(contains(opened.error().message, "token 10 is id 266, past the vocabulary of 256 ids"));
  }
  SECTION("gone") {
    std::filesystem::remove(file);
    CHECK(contains(open_error(file), "train.bin"));
  }
  SECTION("without its manifest") {
    std::filesystem::remove(manifest_path(file));
    CHECK(contains(open_error(file), "has no manifest (train.bin.json)"));
  }
  SECTION("a folder in its place") {
    std::filesystem::remove(file);
    std::filesystem::create_directory(file);
    CHECK(contains(open_error(file), "Is a directory"));
  }
}

TEST_CASE("a file that never was is one line") {
  CHECK(open_error("/nowhere/train.bin") == "no token file /nowhere/train.bin");
}

TEST_CASE("plain ids of other programs are read without a manifest") {
  const test::TemporaryFolder folder;
  const auto file = folder.write("plain.bin", std::string_view("\x01\x00\x02\x00\x03\x01", 6));
  const auto opened = TokenFile::open_plain(file, 260);
  REQUIRE(opened);
  CHECK(opened->size() == 3);
  CHECK((*opened)[2] == 259);
  CHECK(contains(TokenFile::open_plain(file, 259).error().message, "past the vocabulary"));
  CHECK_FALSE(TokenFile::open_plain(folder.write("odd.bin", "abc"), 65'536));
  CHECK_FALSE(TokenFile::open_plain(folder / "none.bin", 256));
}
