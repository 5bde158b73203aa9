#include "swarm/membership/record.hpp"

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/unit/membership/members.hpp"

namespace brigade::swarm::membership::test {

TEST_CASE("a record that an honest node writes has no fault") {
  CHECK(fault_of(serving(1, 3), 4) == nullptr);
  NodeRecord spare;
  spare.id = node(2);
  spare.incarnation = Incarnation{1'700'000'000};
  CHECK(fault_of(spare, 1) == nullptr);
  NodeRecord gone = serving(3, 0, 7);
  gone.doing = Doing::kGone;
  CHECK(fault_of(gone, 1) == nullptr);
  NodeRecord drained = serving(4, 3);
  drained.doing = Doing::kDrained;
  CHECK(fault_of(drained, 4) == nullptr);
  drained.stage.reset();
  CHECK(fault_of(drained, 4) != nullptr);
}

TEST_CASE("what can't be true of a node is named") {
  const auto fault = [](void (*spoil)(NodeRecord&)) {
    NodeRecord record = serving(1, 3);
    spoil(record);
    return fault_of(record, 4) != nullptr;
  };
  CHECK(fault([](NodeRecord& r) { r.id = NodeId{}; }));
  CHECK(fault([](NodeRecord& r) { r.incarnation = Incarnation{0}; }));
  CHECK(fault([](NodeRecord& r) { r.incarnation = Incarnation{limits::kMaxIncarnation + 1}; }));
  CHECK(fault([](NodeRecord& r) { r.doing = static_cast<Doing>(9); }));
  CHECK(fault([](NodeRecord& r) { r.stage = StageIndex{4}; }));
  CHECK(fault([](NodeRecord& r) { r.stage.reset(); }));
  CHECK(fault([](NodeRecord& r) { r.doing = Doing::kSpare; }));
  CHECK(fault([](NodeRecord& r) {
    r.doing = Doing::kMoving;
    r.target = StageIndex{4};
  }));
  CHECK(fault([](NodeRecord& r) { r.addresses.assign(limits::kMaxAddresses + 1, "a:1"); }));
  CHECK(
      fault([](NodeRecord& r) { r.addresses = {std::string(limits::kMaxAddressBytes + 1, 'a')}; }));
  CHECK(fault([](NodeRecord& r) { r.addresses = {""}; }));
  CHECK(fault([](NodeRecord& r) { r.addresses.assign(2, std::string(200, 'a')); }));
  CHECK(fault([](NodeRecord& r) { r.addresses.clear(); }));
  CHECK(fault([](NodeRecord& r) { r.via.assign(limits::kMaxVia + 1, node(2)); }));
  CHECK(fault([](NodeRecord& r) { r.memory_bytes = limits::kMaxNodeMemoryBytes + 1; }));
  CHECK(fault([](NodeRecord& r) { r.pace = Duration{-1}; }));
  CHECK(fault([](NodeRecord& r) { r.pace = Duration::max(); }));
}

TEST_CASE("a suspicion names two nodes and an incarnation") {
  CHECK(fault_of(*suspicion(1, 2)) == nullptr);
  CHECK(fault_of(*suspicion(1, 1)) != nullptr);
  CHECK(fault_of(*suspicion(1, 2, 0)) != nullptr);
  CHECK(fault_of(Suspicion{}) != nullptr);
}

TEST_CASE("spares are spread over the groups by their ids") {
  constexpr std::uint32_t kStages = 4;
  std::array<int, kStages> counts{};
  for (std::uint32_t i = 0; i < 4000; ++i) {
    NodeRecord record;
    record.id = node(i);
    ++counts[group_of(record, kStages).value()];
  }
  for (const int count : counts) CHECK(count > 900);
  CHECK(group_of(serving(1, 2), kStages) == StageIndex{2});
}

}  // namespace brigade::swarm::membership::test
