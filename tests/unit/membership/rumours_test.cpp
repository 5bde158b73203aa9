#include "swarm/membership/rumours.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/membership/members.hpp"

namespace brigade::swarm::membership::test {
namespace {

constexpr Interest kAll{StageIndex{0}, StageIndex{9}};

Rumours::Item news(std::uint32_t subject, std::uint32_t rounds, std::uint32_t stage = 0) {
  const RecordPtr record = share(serving(subject, stage));
  return {record,
          prefix_of(record->id),
          0,
          record->incarnation,
          StageIndex{stage},
          StageIndex{stage},
          0,
          rounds};
}

Rumours::Item doubt(std::uint32_t subject, std::uint32_t observer) {
  return {suspicion(observer, subject),
          prefix_of(node(subject)),
          prefix_of(node(observer)),
          Incarnation{1},
          StageIndex{0},
          StageIndex{0},
          0,
          4};
}

Link link(std::uint32_t peer, const Interest& interest = kAll) {
  Link result;
  result.peer = node(peer);
  result.prefix = prefix_of(result.peer);
  result.bit = std::uint64_t{1} << (peer % 64);
  result.interest = interest;
  return result;
}

std::size_t told(Rumours& rumours, std::uint32_t peer, const Interest& interest = kAll) {
  std::vector<Rumour> out;
  rumours.take(link(peer, interest), out);
  return out.size();
}

}  // namespace

TEST_CASE("a rumour is told once over each link, for as many rounds as it is kept") {
  Rumours rumours;
  rumours.push(news(1, 2));
  CHECK(told(rumours, 7) == 1);
  CHECK(told(rumours, 7) == 0);
  rumours.end_round();
  CHECK(told(rumours, 8) == 1);
  rumours.end_round();
  CHECK(told(rumours, 9) == 0);
  CHECK(rumours.size() == 0);
}

TEST_CASE("a rumour is not told over a link on which it came") {
  Rumours rumours;
  rumours.push(news(1, 4));
  rumours.note(prefix_of(node(1)), 0, Incarnation{1}, link(7).bit);
  CHECK(told(rumours, 7) == 0);
  CHECK(told(rumours, 8) == 1);
}

TEST_CASE("a new link is told what an older one of the same bit was") {
  Rumours rumours;
  rumours.push(news(1, 4));
  CHECK(told(rumours, 7) == 1);
  rumours.forget(link(7).bit);
  CHECK(told(rumours, 7) == 1);
}

TEST_CASE("a member is not told its own record, but what is said against it") {
  Rumours rumours;
  rumours.push(news(1, 4));
  rumours.push(doubt(1, 2));
  CHECK(told(rumours, 1) == 1);
  CHECK(told(rumours, 3) == 2);
}

TEST_CASE("a rumour is told only to who follows its group") {
  Rumours rumours;
  rumours.push(news(1, 4, 5));
  CHECK(told(rumours, 3, {StageIndex{0}, StageIndex{4}}) == 0);
  CHECK(told(rumours, 3, {StageIndex{5}, StageIndex{6}}) == 1);
}

TEST_CASE("newer news replaces older, and ends suspicions") {
  Rumours rumours;
  rumours.push(news(1, 4));
  rumours.push(doubt(1, 2));
  rumours.push(doubt(3, 2));
  rumours.supersede(prefix_of(node(1)), Incarnation{2});
  CHECK(rumours.size() == 1);
}

TEST_CASE("a message holds the freshest, and what waits is bounded") {
  Rumours rumours;
  const std::uint32_t many = limits::kMaxWaitingRumours + 10;
  for (std::uint32_t i = 0; i < many; ++i) rumours.push(news(i, i < 100 ? 9 : 3));
  CHECK(rumours.size() == limits::kMaxWaitingRumours);
  std::vector<Rumour> out;
  rumours.take(link(many + 1), out);
  REQUIRE(out.size() == limits::kMaxRumours);
  for (std::uint32_t i = 0; i < out.size(); ++i) {
    CHECK(std::get<RecordPtr>(out[i])->id == node(i));
  }
}

}  // namespace brigade::swarm::membership::test
