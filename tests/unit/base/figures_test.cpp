#include "base/figures.hpp"

#include "tests/catch.hpp"

namespace brigade {

TEST_CASE("counts are grouped by thousands") {
  CHECK(with_commas(0) == "0");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1000) == "1,000");
  CHECK(with_commas(12'345'678) == "12,345,678");
}

TEST_CASE("sizes keep two digits or three, in powers of a thousand") {
  CHECK(in_bytes(0) == "0 B");
  CHECK(in_bytes(999) == "999 B");
  CHECK(in_bytes(1000) == "1.0 kB");
  CHECK(in_bytes(999'499) == "999 kB");
  CHECK(in_bytes(999'600) == "1.0 MB");
  CHECK(in_bytes(212'000'000) == "212 MB");
  CHECK(in_bytes(1'234'000'000) == "1.2 GB");
}

TEST_CASE("parameters are said in millions") {
  CHECK(in_millions(842) == "842");
  CHECK(in_millions(12'300) == "12.3 thousand");
  CHECK(in_millions(864'000) == "0.86 million");
  CHECK(in_millions(124'400'000) == "124.4 million");
  CHECK(in_millions(1'500'000'000) == "1.50 billion");
}

TEST_CASE("times are said as people say them, and never negative") {
  CHECK(in_words(-3) == "0 s");
  CHECK(in_words(59.4) == "59 s");
  CHECK(in_words(59.6) == "1 min 00 s");
  CHECK(in_words(95) == "1 min 35 s");
  CHECK(in_words(7500) == "2 h 05 min");
  CHECK(in_words(3.0 * 86400) == "3 days");
  CHECK(as_clock(83) == "1:23");
  CHECK(as_clock(3723) == "1:02:03");
}

TEST_CASE("a time is said in UTC") {
  CHECK(as_utc(0) == "1970-01-01 00:00 UTC");
  CHECK(as_utc(951'782'399) == "2000-02-28 23:59 UTC");
  CHECK(as_utc(951'782'400) == "2000-02-29 00:00 UTC");
  CHECK(as_utc(1'800'000'000) == "2027-01-15 08:00 UTC");
  CHECK(as_utc(~std::uint64_t{0}) == "9999-12-31 23:59 UTC");
}

}  // namespace brigade
