#include "daemon/members/conduct.hpp"

#include "tests/catch.hpp"

namespace brigade::daemon {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

NodeId node(std::uint32_t number) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  id.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  id.bytes[2] = 1;
  return id;
}

TimePoint at(Duration since) {
  return TimePoint(minutes{100} + since);
}

TEST_CASE("many misdeeds at once end in quarantine, which ends") {
  Conduct conduct;
  for (int i = 0; i < 4; ++i) CHECK_FALSE(conduct.note(at(seconds{i}), node(1), "a NaN"));
  CHECK_FALSE(conduct.quarantine_of(at(seconds{4}), node(1)));
  CHECK_FALSE(conduct.note(at(seconds{4}), node(2), "a NaN"));
  CHECK(conduct.note(at(seconds{4}), node(1), "a replay") == false);  // a little is forgotten
  CHECK(conduct.note(at(seconds{5}), node(1), "a replay"));
  CHECK(conduct.quarantine_of(at(seconds{6}), node(1)) ==
        "it misbehaved too often, last: a replay");
  CHECK_FALSE(conduct.quarantine_of(at(seconds{6}), node(2)));
  CHECK_FALSE(conduct.note(at(seconds{7}), node(1), "more"));  // it is quarantined already
  CHECK(conduct.quarantine_of(at(minutes{9}), node(1)));
  CHECK_FALSE(conduct.quarantine_of(at(minutes{11}), node(1)));
}

TEST_CASE("what happens now and then is forgotten") {
  Conduct conduct;
  for (int i = 0; i < 100; ++i) CHECK_FALSE(conduct.note(at(minutes{i}), node(1), "a NaN"));
}

TEST_CASE("what is on a peer's account can be asked") {
  Conduct conduct;
  CHECK(conduct.account_of(at({}), node(1)).misdeeds == 0);
  conduct.note(at({}), node(1), "a NaN");
  conduct.note(at({}), node(1), "a NaN");
  CHECK(conduct.account_of(at({}), node(1)).misdeeds == Approx(2));
  CHECK(conduct.account_of(at(Conduct::kHalfLife), node(1)).misdeeds == Approx(1));
  CHECK(conduct.account_of(at({}), node(1)).quarantined == Duration{});
  conduct.note(at({}), node(1), "a false copy", Conduct::kGrave);
  const auto account = conduct.account_of(at(minutes{4}), node(1));
  CHECK(account.misdeeds == 0);
  CHECK(account.quarantined == minutes{6});
  CHECK(account.reason == "a false copy");
  CHECK(conduct.account_of(at(minutes{10}), node(1)).quarantined == Duration{});
}

TEST_CASE("strangers can't make it forget who is quarantined, nor grow without end") {
  Conduct conduct;
  for (int i = 0; i < 6; ++i) conduct.note(at({}), node(0), "a NaN");
  REQUIRE(conduct.quarantine_of(at({}), node(0)));
  for (std::uint32_t i = 1; i < 5000; ++i) conduct.note(at(seconds{1}), node(i), "a NaN");
  CHECK(conduct.quarantine_of(at(seconds{2}), node(0)));
}

TEST_CASE("a grave misdeed is enough alone, and is the reason") {
  Conduct conduct;
  NodeId liar;
  liar.bytes.fill(9);
  const TimePoint now{std::chrono::seconds{5}};
  CHECK(conduct.note(now, liar, "a checkpoint that is not what it says", Conduct::kGrave));
  CHECK(conduct.quarantine_of(now, liar) == "a checkpoint that is not what it says");
}

}  // namespace
}  // namespace brigade::daemon
