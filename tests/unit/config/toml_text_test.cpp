#include "config/toml_text.hpp"

#include <string>

#include "tests/catch.hpp"

using namespace brigade::config;

namespace {

std::string error_of(std::string_view text) {
  const auto done = check_toml_text(text, "f");
  return done ? "" : done.error().message;
}

}  // namespace

TEST_CASE("any character may stand in strings and comments") {
  CHECK(error_of("a = \"\xc4\x8c\" # \xc4\x8c\nb = '\xc4\x8c'\n") == "");
  CHECK(error_of("a = \"\"\"\n\xc4\x8c \"\" \xc4\x8c\"\"\"\nb = '''\xc4\x8c''' # \xc4\x8c\n") ==
        "");
  CHECK(error_of("a = \"\\\"\xc4\x8c\"\n") == "");
  CHECK(error_of("a = '\\' # \xc4\x8c\n") == "");
  CHECK(error_of("a = \"\" # \xc4\x8c\n") == "");
}

TEST_CASE("beyond ASCII outside of them is refused with its place") {
  const std::string what = "a character beyond ASCII outside a string or comment";
  CHECK(error_of("\xc4\x8c = 1\n") == "f:1:1: " + what);
  CHECK(error_of("# \xc4\x8c\n\na = \"\xc4\x8c\xc4\x8c\" \xc4\x8c\n") == "f:3:10: " + what);
  CHECK(error_of("a = \"\" \xc4\x8c") == "f:1:8: " + what);
  CHECK(error_of("a = \"\"\"x\"\"\"\"\" \xc4\x8c") == "f:1:15: " + what);
  CHECK(error_of("a = \"\\\\\" \xc4\x8c") == "f:1:10: " + what);
  CHECK(error_of("a = \"open\n\xc4\x8c") == "f:2:1: " + what);
}

TEST_CASE("control characters and broken UTF-8 are refused anywhere") {
  CHECK(error_of(std::string_view("a = \"\0\"", 7)) == "f:1:6: a control character");
  CHECK(error_of("# \x1b[31m\n") == "f:1:3: a control character");
  CHECK(error_of("a = \"\\\x01\"") == "f:1:7: a control character");
  CHECK(error_of("a = \"\xff\"") == "f:1:6: bytes that are no UTF-8");
  CHECK(error_of("a = 1\r\n\tb = 2\n") == "");
  CHECK(error_of("\xef\xbb\xbf# byte order mark\n") == "");
}
