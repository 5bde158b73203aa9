#include "swarm/membership/record.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace brigade::swarm::membership {

StageIndex group_of(const NodeRecord& record, std::uint32_t stages) {
  if (record.stage) return *record.stage;
  return StageIndex{static_cast<std::uint32_t>(mix64(prefix_of(record.id)) % stages)};
}

const char* fault_of(const NodeRecord& record, std::uint32_t stages) {
  std::size_t address_bytes = 0;
  for (const std::string& address : record.addresses) address_bytes += address.size();
  const auto is_over_long = [](const std::string& address) {
    return address.empty() || address.size() > limits::kMaxAddressBytes;
  };
  if (record.id.is_zero()) return "a record without a node";
  if (record.incarnation.value() == 0 || record.incarnation.value() > limits::kMaxIncarnation)
    return "an incarnation out of range";
  if (record.doing > Doing::kDrained) return "a node that does what is not known";
  if (record.stage && record.stage->value() >= stages) return "a stage that the swarm lacks";
  const bool has_stage = record.stage.has_value();
  if (record.doing == Doing::kSpare && has_stage) return "a spare with a stage";
  const bool needs_stage = record.doing == Doing::kServing || record.doing == Doing::kMoving ||
                           record.doing == Doing::kLeaving || record.doing == Doing::kDrained;
  if (needs_stage && !has_stage) return "a node at work without a stage";
  if (record.doing == Doing::kMoving && record.target.value() >= stages)
    return "a move to a stage that the swarm lacks";
  if (record.addresses.size() > limits::kMaxAddresses) return "too many addresses";
  if (std::any_of(record.addresses.begin(), record.addresses.end(), is_over_long))
    return "an address out of range";
  if (address_bytes > limits::kMaxRecordAddressBytes) return "addresses that are too long";
  if (record.can_be_dialled && record.addresses.empty()) return "dialable without an address";
  if (record.via.size() > limits::kMaxVia) return "too many peers to be reached through";
  if (record.memory_bytes > limits::kMaxNodeMemoryBytes) return "more memory than machines have";
  if (record.pace < Duration{0} ||
      record.pace > Duration{static_cast<Duration::rep>(limits::kMaxPaceNs)})
    return "a pace out of range";
  return nullptr;
}

const char* fault_of(const Suspicion& suspicion) {
  if (suspicion.subject.is_zero() || suspicion.observer.is_zero())
    return "a suspicion without a node";
  if (suspicion.subject == suspicion.observer) return "a node that suspects itself";
  if (suspicion.incarnation.value() == 0 || suspicion.incarnation.value() > limits::kMaxIncarnation)
    return "an incarnation out of range";
  return nullptr;
}

bool says_same(const NodeRecord& a, const NodeRecord& b) {
  return a.id == b.id && a.doing == b.doing && a.stage == b.stage && a.target == b.target &&
         a.can_be_dialled == b.can_be_dialled && a.addresses == b.addresses && a.via == b.via &&
         a.memory_bytes == b.memory_bytes && a.pace == b.pace && a.stays == b.stays &&
         a.has_state == b.has_state;
}

const char* to_string(Doing doing) {
  switch (doing) {
    case Doing::kSpare:
      return "spare";
    case Doing::kServing:
      return "serving";
    case Doing::kMoving:
      return "moving";
    case Doing::kLeaving:
      return "leaving";
    case Doing::kDrained:
      return "drained";
    case Doing::kGone:
      break;
  }
  return "gone";
}

}  // namespace brigade::swarm::membership
