#include "trust/invite_line.hpp"

#include <string>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "tests/catch.hpp"

namespace brigade::trust {
namespace {

std::string why_refused(const std::string& text) {
  const auto read = from_invite_line(text);
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::kBadInput);
  return read.error().message;
}

std::string some_bytes(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(mix64(i + 1000 * size));
  return bytes;
}

}  // namespace

TEST_CASE("a line gives back the bytes that were put into it, whatever their number") {
  for (std::size_t size = 1; size < 100; ++size) {
    CAPTURE(size);
    const std::string bytes = some_bytes(size);
    const std::string line = to_invite_line(bytes);
    CHECK(line.find_first_not_of(
              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
          std::string::npos);
    CHECK(from_invite_line(line).value() == bytes);
  }
}

TEST_CASE("white space in a line means nothing, wherever a chat has put it") {
  const std::string line = to_invite_line(some_bytes(50));
  for (std::size_t i = 0; i <= line.size(); ++i) {
    CHECK(from_invite_line(line.substr(0, i) + " \r\n\t" + line.substr(i)).has_value());
  }
  CHECK(from_invite_line(line.substr(0, 40) + "\n> " + line.substr(40)).has_error());
}

TEST_CASE("what is no line is refused with what to do") {
  CHECK(why_refused("") == "this is no invite: one starts with brigade1-");
  CHECK(why_refused("hello") == "this is no invite: one starts with brigade1-");
  CHECK(why_refused(std::string(limits::kMaxInviteBytes + 1, ' ')) ==
        "this is no invite: one has 8192 characters at most");
  const std::string line = to_invite_line(some_bytes(50));
  CHECK(
      why_refused("brigade2-" + line.substr(9)) ==
      "this invite does not start with brigade1-: copy the whole line again, or update Brigade if "
      "it is of a newer one");
  const std::string damaged = "this invite is cut or mistyped: copy the whole line again";
  for (const char* rest : {"", "A", "AA", "AAA", "AAAA", "AAAAA", "AAAAAA", "*",
                           "====", "AAAA====", "\x80\x80\x80\x80", "-", "--------"}) {
    CAPTURE(rest);
    CHECK(why_refused(std::string("brigade1-") + rest) == damaged);
  }
  CHECK(why_refused(line + "=") == damaged);
  CHECK(why_refused(line + line) == damaged);
  CHECK(why_refused(line + std::string(1, '\0')) == damaged);
}

TEST_CASE("bits behind the last whole byte must be zero: one statement has one line") {
  for (const std::size_t size : {51U, 52U}) {  // one and two bytes in the last group of three
    std::string line = to_invite_line(some_bytes(size));
    ++line.back();  // the next character differs in the lowest bit alone
    CHECK(from_invite_line(line).has_error());
  }
}

}  // namespace brigade::trust
