#include "stage_runtime/data/prepare.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "stage_runtime/data/token_file.hpp"
#include "stage_runtime/data/tokenizer.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"
#include "tests/tests_folder.hpp"

using namespace brigade;
using namespace brigade::stage;
namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Prepared {
  PrepareReport report;
  std::string train;
  std::string validation;
};

/// Prepares the folder's "in" and reads the splits back as text.
Prepared prepare(const test::TemporaryFolder& folder, PrepareOptions options = {}) {
  if (options.inputs.empty()) options.inputs = {folder / "in"};
  options.out = folder / "out";
  const auto report = prepare_data(options);
  REQUIRE(report);
  const auto split = [&](const char* name) {
    const auto file = TokenFile::open(options.out / name);
    REQUIRE(file);
    return text_of(*file, *open_tokenizer(file->manifest(), options.out / name).value());
  };
  return {*report, split("train.bin"), split("val.bin")};
}

std::string error_of(const test::TemporaryFolder& folder, const fs::path& input) {
  const auto report = prepare_data({.inputs = {input}, .out = folder / "out"});
  return report ? "" : report.error().message;
}

std::string lines(int count) {
  std::string text;
  for (int line = 0; line < count; ++line) text += "line " + std::to_string(line) + "\n";
  return text;
}

}  // namespace

TEST_CASE("the last tenth of the text, from a line on, is the validation split") {
  const test::TemporaryFolder folder;
  const std::string text = lines(1000);
  folder.write("in/text", text);
  const Prepared prepared = prepare(folder);
  CHECK(prepared.train + prepared.validation == text);
  CHECK(prepared.train.back() == '\n');
  CHECK(prepared.validation.size() >= text.size() / 10);
  CHECK(prepared.validation.size() < text.size() / 10 + 20);
  CHECK(prepared.report.train_tokens == prepared.train.size());
  CHECK(prepared.report.validation_tokens == prepared.validation.size());
  CHECK(prepared.report.text_bytes == text.size());
  CHECK(prepared.report.vocabulary == 256);
}

TEST_CASE("a few short lines still leave one to validate on") {
  const test::TemporaryFolder folder;
  folder.write("in/text", "a first line\na second line\nthe third\n");
  CHECK(prepare(folder).validation == "the third\n");
}

TEST_CASE("a folder is taken in sorted order, files joined by line ends") {
  const test::TemporaryFolder folder;
  folder.write("in/b", "second");
  folder.write("in/a/z", "first\n");
  folder.write("in/c", "third\n");
  const Prepared prepared = prepare(folder, {.validation_share = 0.3});
  CHECK(prepared.train + prepared.validation == "first\nsecond\nthird\n");
  CHECK(prepared.report.files == 3);
}

TEST_CASE("what is no text is skipped and named, and a file with two names is taken once") {
  const test::TemporaryFolder folder;
  folder.write("in/jokes", lines(50));
  folder.write("in/jokes.dat", std::string(100, '\0'));
  folder.write("in/latin1", std::string(100, '\xe4'));
  folder.write("in/nothing", "");
  folder.write("in/.hidden", lines(50));
  fs::create_symlink("jokes", folder / "in/jokes.u8");
  fs::create_symlink("gone", folder / "in/dangling");
  fs::create_directory_symlink(".", folder / "in/circle");
  const Prepared prepared = prepare(folder);
  CHECK(prepared.train + prepared.validation == lines(50));
  CHECK(prepared.report.files == 1);
  CHECK(prepared.report.skipped_files == 3);
  REQUIRE(prepared.report.notes.size() == 3);
  CHECK(contains(prepared.report.notes[0], "jokes.dat: binary, no text"));
  CHECK(contains(prepared.report.notes[1], "latin1: no UTF-8 text (100 % of its bytes are none)"));
  CHECK(contains(prepared.report.notes[2], "nothing: empty"));
}

TEST_CASE("mostly plain text with a few foreign bytes is text") {
  const test::TemporaryFolder folder;
  folder.write("in/old", lines(100) + "na\xefve\n");
  const Prepared prepared = prepare(folder);
  CHECK(prepared.report.skipped_files == 0);
  CHECK(contains(prepared.train + prepared.validation, "na\xefve"));
}

TEST_CASE("bad input is one line that says what and where") {
  const test::TemporaryFolder folder;
  CHECK(error_of(folder, folder / "none") == "no file or folder " + (folder / "none").string());
  CHECK(contains(error_of(folder, folder.write("empty", "")), "empty is empty"));
  CHECK(contains(error_of(folder, folder.write("binary", std::string("a\0b", 3))),
                 "binary is binary, no text"));
  CHECK(contains(error_of(folder, folder.write("short", "a")), "is too short: 1 tokens to train"));
  fs::create_directory(folder / "bare");
  CHECK(contains(error_of(folder, folder / "bare"), "no text in "));
  folder.write("junk/a.dat", std::string(9, '\0'));
  CHECK(contains(error_of(folder, folder / "junk"), "a.dat: binary"));
  CHECK(contains(error_of(folder, "/dev/null"), "neither a file nor a folder"));
  CHECK_FALSE(prepare_data({.inputs = {}, .out = folder / "out"}));
}

TEST_CASE("a failed preparation leaves what was there before") {
  const test::TemporaryFolder folder;
  folder.write("in/text", lines(100));
  prepare(folder);
  const std::string before = folder.read("out/train.bin");
  CHECK(error_of(folder, folder.write("short", "a")) != "");
  CHECK(folder.read("out/train.bin") == before);
  std::ptrdiff_t files = std::distance(fs::directory_iterator(folder / "out"), {});
  CHECK(files == 4);
}

TEST_CASE("an output that can't be written is named") {
  const test::TemporaryFolder folder;
  folder.write("in/text", lines(100));
  folder.write("file", "in the way");
  const auto report = prepare_data({.inputs = {folder / "in"}, .out = folder / "file" / "out"});
  REQUIRE_FALSE(report);
  CHECK(contains(report.error().message, "can't make folder"));
}

TEST_CASE("a validation share that is none is refused") {
  const test::TemporaryFolder folder;
  folder.write("in/text", lines(100));
  for (const double share : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_FALSE(prepare_data(
        {.inputs = {folder / "in"}, .out = folder / "out", .validation_share = share}));
  }
}

TEST_CASE("a text without line ends is cut between characters") {
  const test::TemporaryFolder folder;
  std::string text;
  for (int index = 0; index < 1000; ++index) text += "\xe2\x82\xac";
  folder.write("in/text", text);
  const Prepared prepared = prepare(folder, {.validation_share = 0.3334});
  CHECK(prepared.train + prepared.validation == text + "\n");
  CHECK(prepared.train.size() % 3 == 0);
  CHECK_FALSE(prepared.validation.empty());
}

TEST_CASE("a text larger than a chunk arrives complete") {
  const test::TemporaryFolder folder;
  const std::string text = lines(100'000) + std::string(600'000, 'x') + "\n";
  folder.write("in/text", text);
  const Prepared prepared = prepare(folder);
  CHECK((prepared.train + prepared.validation == text));
}

TEST_CASE("a sentencepiece model goes with the data that it made") {
  const test::TemporaryFolder folder;
  folder.write("in/text", "a bucket brigade is a line\nof volunteers that passes water\n");
  const Prepared prepared = prepare(
      folder,
      {.tokenizer = test::tests_folder() + "/unit/data/small.model", .validation_share = 0.5});
  CHECK(prepared.train == "a bucket brigade is a line\n");
  CHECK(prepared.report.train_tokens < prepared.train.size());
  CHECK(fs::exists(folder / "out/small.model"));
}
