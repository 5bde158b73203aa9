#include "stage_runtime/tools/text_stream.hpp"

#include <string>

#include "base/utf8.hpp"
#include "tests/catch.hpp"
#include "tests/tests_folder.hpp"

using namespace brigade;
using namespace brigade::stage;

namespace {

/// Everything that is shown, after a check that each part is sound by itself.
std::string stream(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids,
                   const std::vector<std::int32_t>& prompt = {}) {
  TextStream text(tokenizer, prompt);
  std::string shown;
  for (const std::int32_t id : ids) {
    const std::string part = text.push(id);
    CHECK(is_utf8(part));
    shown += part;
  }
  return shown + text.finish();
}

}  // namespace

TEST_CASE("bytes are shown once their character is whole") {
  const auto bytes = Tokenizer::make("bytes").value();
  TextStream text(*bytes, {});
  CHECK(text.push('a') == "a");
  CHECK(text.push(0xe2) == "");
  CHECK(text.push(0x82) == "");
  CHECK(text.push(0xac) == "\xe2\x82\xac");
  CHECK(text.push(0xc3) == "");
  CHECK(text.finish() == "\xef\xbf\xbd");
}

TEST_CASE("whatever a model writes is sound text and leaves the terminal alone") {
  const auto bytes = Tokenizer::make("bytes").value();
  std::vector<std::int32_t> ids;
  for (std::int32_t id = 0; id < 256; ++id) ids.push_back(id);
  const std::string shown = stream(*bytes, ids);
  CHECK(is_utf8(shown));
  for (const char c : shown) {
    CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t'));
  }
  CHECK(shown_text("\xc2\x9b"
                   "31m") ==
        "\xef\xbf\xbd"
        "31m");
}

TEST_CASE("pieces keep the spaces between them") {
  const auto model = Tokenizer::make(test::tests_folder() + "/unit/data/small.model").value();
  const std::string text = "a bucket \xe2\x82\xac brigade is a line";
  const auto ids = model->encode(text);
  CHECK(stream(*model, ids) == text);
  const std::vector<std::int32_t> prompt(ids.begin(), ids.begin() + 2);
  const std::vector<std::int32_t> rest(ids.begin() + 2, ids.end());
  CHECK(model->decode(prompt) + stream(*model, rest, prompt) == text);
}
