// Any bytes as what lies at a swarm's meeting point in the DHT: as they are, sealed by somebody who
// knows the swarm, and signed by one of its members too. What is believed can be dialled.
#include <cstdint>
#include <string>

#include "base/host_port.hpp"
#include "daemon/discovery/notice_board.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/own_key.hpp"
#include "trust/sealed.hpp"

using namespace brigade;
using namespace brigade::daemon;

namespace {

constexpr int kSwarmField = 1;
constexpr int kKeyField = 2;
constexpr int kInviteField = 3;

const trust::SwarmOrigin& origin() {
  static const trust::SwarmOrigin made{fuzz::own_key().public_key(), {}};
  return made;
}

const std::string& invite() {
  static const std::string made = [] {
    trust::Invite invite;
    invite.origin = origin();
    invite.swarm_name = "fuzz";
    return trust::statement_of(trust::sign_invite(fuzz::own_key(), invite).value()).value();
  }();
  return made;
}

void try_value(const std::string& value) {
  const auto found = read_found(origin(), value);
  if (!found) return;
  FUZZ_DEMAND(value.size() <= Discovery::kMaxValueBytes);
  FUZZ_DEMAND(found->record.can_be_dialled && !found->record.addresses.empty());
  for (const std::string& address : found->record.addresses) FUZZ_DEMAND(is_host_port(address));
  FUZZ_DEMAND(trust::read_record(found->bytes, trust::id_of(origin())).value() == found->record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  try_value(input);
  try_value(trust::seal(origin(), input).value());
  std::string record = fuzz::with_field(input, kSwarmField, trust::id_of(origin()).bytes);
  record = fuzz::with_field(std::move(record), kInviteField, invite());
  try_value(trust::seal(origin(), fuzz::signed_by_us("node record v1", record, kKeyField)).value());
  const auto opened = trust::unseal(origin(), input);
  if (opened.has_error()) fuzz::demand_readable(opened.error());
  return 0;
}
