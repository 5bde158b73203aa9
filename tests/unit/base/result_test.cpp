#include "base/result.hpp"

#include <string>

#include "tests/catch.hpp"

namespace brigade {

namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return make_error(ErrorCode::kBadInput, "odd");
  return value / 2;
}

Result<int> quarter(int value) {
  BRIGADE_ASSIGN(const int once, half(value));
  return half(once);
}

Result<> only_even(int value) {
  BRIGADE_TRY(half(value));
  return {};
}

}  // namespace

TEST_CASE("an error passes through BRIGADE_ASSIGN and BRIGADE_TRY with its words") {
  CHECK(quarter(8).value() == 2);
  REQUIRE(quarter(6).has_error());
  CHECK(quarter(6).error().message == "odd");
  CHECK(only_even(4).has_value());
  CHECK(only_even(3).error().code == ErrorCode::kBadInput);
  CHECK_THROWS_WITH(quarter(6).value(), "odd");
}

}  // namespace brigade
