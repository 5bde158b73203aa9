// Members, records and suspicions for tests.
#pragma once

#include <memory>
#include <optional>

#include "swarm/membership/record.hpp"

namespace brigade::swarm::membership::test {

inline NodeId node(std::uint32_t number) {
  NodeId id;
  const std::uint64_t prefix = mix64(number);
  std::memcpy(id.bytes.data(), &prefix, sizeof prefix);
  std::memcpy(id.bytes.data() + sizeof prefix, &number, sizeof number);
  return id;
}

inline NodeRecord serving(std::uint32_t number, std::uint32_t stage,
                          std::uint64_t incarnation = 1) {
  NodeRecord record;
  record.id = node(number);
  record.incarnation = Incarnation{incarnation};
  record.doing = Doing::kServing;
  record.stage = StageIndex{stage};
  record.can_be_dialled = true;
  record.addresses = {"192.0.2.1:7400"};
  return record;
}

inline RecordPtr share(NodeRecord record) {
  return std::make_shared<NodeRecord>(std::move(record));
}

inline SuspicionPtr suspicion(std::uint32_t observer, std::uint32_t subject,
                              std::uint64_t incarnation = 1) {
  return std::make_shared<Suspicion>(
      Suspicion{node(subject), Incarnation{incarnation}, node(observer), nullptr});
}

}  // namespace brigade::swarm::membership::test
