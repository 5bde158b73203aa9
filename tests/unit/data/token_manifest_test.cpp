#include <string>

#include "stage_runtime/data/token_file.hpp"
#include "tests/catch.hpp"

using namespace brigade;
using namespace brigade::stage;

namespace {

std::string manifest(const std::string& key, const std::string& value) {
  std::string text =
      R"({"format": 1, "dtype": "uint16", "tokens": 7, "vocabulary": 256, "tokenizer": "bytes",
          "bytes_of_text": 7, "xxh3": "00ff00ff00ff00ff"})";
  const std::size_t start = text.find("\"" + key + "\":") + key.size() + 3;
  return text.replace(start, text.find_first_of(",}", start) - start, " " + value);
}

std::string error_of(const std::string& text) {
  const auto parsed = parse_token_manifest(text, "m.json");
  return parsed ? "" : parsed.error().message;
}

}  // namespace

TEST_CASE("a manifest is read back as it was written") {
  TokenManifest manifest;
  manifest.bytes_per_token = 4;
  manifest.tokens = 1ULL << 40;
  manifest.vocabulary = 128'256;
  manifest.tokenizer = "llama.model";
  manifest.text_bytes = 1ULL << 42;
  manifest.checksum = 0x0123456789abcdefULL;
  CHECK(parse_token_manifest(to_json(manifest), "m.json").value() == manifest);
}

TEST_CASE("keys that a later version adds are left alone") {
  CHECK(error_of(manifest("tokens", R"(7, "language": "en")")) == "");
}

TEST_CASE("a manifest that says nonsense is refused by its key") {
  const auto [key, value] = GENERATE(table<std::string, std::string>({
      {"format", "2"},
      {"format", "\"1\""},
      {"dtype", "\"float\""},
      {"dtype", "16"},
      {"tokens", "-1"},
      {"tokens", "7.5"},
      {"tokens", "1e30"},
      {"tokens", "18446744073709551615"},
      {"vocabulary", "0"},
      {"vocabulary", "65537"},
      {"bytes_of_text", "null"},
      {"tokenizer", "\"\""},
      {"tokenizer", "\"../../etc/passwd\""},
      {"tokenizer", "\"..\""},
      {"tokenizer", "[\"bytes\"]"},
      {"xxh3", "\"xyz\""},
      {"xxh3", "\"00ff00ff00ff00f\""},
      {"xxh3", "\"-0ff00ff00ff00ff\""},
  }));
  INFO(key << ": " << value);
  const std::string message = error_of(manifest(key, value));
  CHECK(message.find("m.json: \"" + key + "\"") == 0);
  CHECK(message.find("prepare the data again") != std::string::npos);
}

TEST_CASE("what is no JSON object is refused") {
  for (const std::string text : {"", "[]", "7", "{", "{\"format\": 1}", "\xff\xfe"}) {
    INFO(text);
    CHECK(error_of(text) != "");
  }
  CHECK(error_of(std::string(100'000, '[')) == "m.json: not a JSON object; prepare the data again");
  CHECK(error_of(std::string(2'000'000, ' ')) != "");
}
