// A revocation: any bytes, and any bytes that an owner has signed. What is accepted is within
// bounds, of our swarm and can be told on.
#include <cstdint>
#include <string>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/own_key.hpp"
#include "trust/revocation.hpp"

using namespace brigade;

namespace {

constexpr int kNonceField = 2;
constexpr std::array<std::uint8_t, 16> kNonce{};

void try_bytes(const std::string& bytes) {
  const trust::SwarmOrigin origin{fuzz::own_key().public_key(), kNonce};
  const auto revocation = trust::read_revocation(bytes, origin);
  trust::Revocations known(origin);
  const auto added = known.add(bytes);
  FUZZ_DEMAND(added.has_value() == revocation.has_value());
  if (!revocation) return fuzz::demand_readable(revocation.error());
  FUZZ_DEMAND(bytes.size() <= limits::kMaxRevocationBytes);
  FUZZ_DEMAND(revocation->origin == origin);
  FUZZ_DEMAND(revocation->revoked_unix_s <= limits::kMaxUnixS);
  FUZZ_DEMAND(revocation->reason.size() <= limits::kMaxReasonBytes);
  FUZZ_DEMAND(is_utf8(revocation->reason));
  FUZZ_DEMAND(*added && known.of(revocation->subject)->bytes == bytes);
  FUZZ_DEMAND(known.add(bytes).value() == nullptr);
  FUZZ_DEMAND(trust::read_revocation(bytes + '\0', origin).has_error());
  const auto again = trust::sign_revocation(fuzz::own_key(), *revocation);
  FUZZ_DEMAND(again.has_value());
  FUZZ_DEMAND(trust::read_revocation(*again, origin).value() == *revocation);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  try_bytes(input);
  try_bytes(fuzz::signed_by_us("revocation v1", fuzz::with_field(input, kNonceField, kNonce)));
  return 0;
}
