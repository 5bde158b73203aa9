#include "stage_runtime/data/tokenizer.hpp"

#include <string>

#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"
#include "tests/tests_folder.hpp"

using namespace brigade;
using namespace brigade::stage;

namespace {

const std::string kModel = test::tests_folder() + "/unit/data/small.model";

}  // namespace

TEST_CASE("bytes come back as they were, whatever they are") {
  const auto bytes = Tokenizer::make("bytes").value();
  std::string all;
  for (int value = 0; value < 256; ++value) all += static_cast<char>(value);
  const auto ids = bytes->encode(all);
  CHECK(bytes->vocabulary() == 256);
  CHECK(ids.back() == 255);
  CHECK(bytes->decode(ids) == all);
}

TEST_CASE("ids outside the vocabulary are left out of the text") {
  const std::vector<std::int32_t> ids{-1, 'a', 256, 1'000'000, 'b'};
  CHECK(Tokenizer::make("bytes").value()->decode(ids) == "ab");
  const auto model = Tokenizer::make(kModel).value();
  CHECK(model->decode(std::vector<std::int32_t>{-1, 1'000'000}) == "");
}

TEST_CASE("a sentencepiece model encodes known words in few ids and unknown ones all the same") {
  const auto model = Tokenizer::make(kModel).value();
  const std::string text = "a line of water \xe2\x82\xac";
  const auto ids = model->encode(text);
  CHECK(ids.size() < text.size());
  for (const std::int32_t id : ids) {
    CHECK(id >= 0);
    CHECK(static_cast<std::uint32_t>(id) < model->vocabulary());
  }
  CHECK(model->decode(ids) == text);
}

TEST_CASE("a tokeniser that is not there or no model is one clear line") {
  const test::TemporaryFolder folder;
  CHECK(Tokenizer::make("words").error().message ==
        "no tokeniser words: give \"bytes\" or the file of a sentencepiece model");
  const auto text = folder.write("text.model", "this is no model");
  CHECK(Tokenizer::make(text.string()).error().message ==
        text.string() + " is not a sentencepiece model");
  CHECK_FALSE(Tokenizer::make(folder.write("empty.model", "").string()));
}

TEST_CASE("a manifest finds its tokeniser beside the token file and not elsewhere") {
  const test::TemporaryFolder folder;
  folder.write("own.model", "x");
  std::filesystem::copy_file(kModel, folder / "small.model");
  TokenManifest manifest;
  manifest.tokenizer = "small.model";
  manifest.vocabulary = 400;
  CHECK(open_tokenizer(manifest, folder / "train.bin"));
  manifest.vocabulary = 100;
  CHECK_FALSE(open_tokenizer(manifest, folder / "train.bin"));
  manifest.tokenizer = "other.model";
  CHECK_FALSE(open_tokenizer(manifest, folder / "train.bin"));
  manifest.tokenizer = "";
  CHECK_FALSE(open_tokenizer(manifest, folder / "train.bin"));
}
