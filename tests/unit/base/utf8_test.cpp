#include "base/utf8.hpp"

#include <string_view>

#include "tests/catch.hpp"

using namespace brigade;

TEST_CASE("characters of every length are sound") {
  CHECK(is_utf8("plain"));
  CHECK(is_utf8("\xc3\xa4"));          // ä
  CHECK(is_utf8("\xe2\x82\xac"));      // €
  CHECK(is_utf8("\xf0\x9f\xaa\xa3"));  // a bucket
  CHECK(is_utf8(""));
}

TEST_CASE("overlong forms, surrogates and what lies above the last character are unsound") {
  CHECK_FALSE(is_utf8("\xc0\xaf"));
  CHECK_FALSE(is_utf8("\xe0\x80\xaf"));
  CHECK_FALSE(is_utf8("\xed\xa0\x80"));
  CHECK_FALSE(is_utf8("\xf4\x90\x80\x80"));
  CHECK_FALSE(is_utf8("\xf5\x80\x80\x80"));
  CHECK_FALSE(is_utf8("\x80"));
  CHECK_FALSE(is_utf8("\xe2\x82"));
}

TEST_CASE("an unsound byte costs one step, so that what follows is still found") {
  const std::string_view text = "\xe2\x82z";
  CHECK_FALSE(utf8_step(text).is_sound);
  CHECK_FALSE(utf8_step(text).is_cut_off);
  CHECK(utf8_step(text).bytes == 1);
  CHECK(utf8_step(text.substr(2)).is_sound);
}

TEST_CASE("the complete prefix stops before a character that is cut off") {
  CHECK(utf8_complete_prefix("ab") == 2);
  CHECK(utf8_complete_prefix("ab\xe2\x82") == 2);
  CHECK(utf8_complete_prefix("ab\xf0\x9f\xaa") == 2);
  CHECK(utf8_complete_prefix("ab\xe2\x82\xac") == 5);
  CHECK(utf8_complete_prefix("\xc3") == 0);
  CHECK(utf8_complete_prefix("") == 0);
}

TEST_CASE("bytes that can't become a character are not waited for") {
  CHECK(utf8_complete_prefix("ab\xff") == 3);
  CHECK(utf8_complete_prefix("ab\x80\x80") == 4);
}
