// A swarm's description: any bytes, and any bytes that an owner has signed. What is accepted is
// within bounds and has one form.
#include <cstdint>
#include <string>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/own_key.hpp"
#include "trust/swarm_description.hpp"

using namespace brigade;

namespace {

void try_bytes(const std::string& bytes) {
  const auto description = trust::read_description(bytes);
  if (!description) {
    FUZZ_DEMAND(description.error().code == ErrorCode::kCorrupt);
    fuzz::demand_readable(description.error());
    return;
  }
  FUZZ_DEMAND(bytes.size() <= limits::kMaxDescriptionBytes);
  FUZZ_DEMAND(description->revision > 0);
  FUZZ_DEMAND(description->created_unix_s <= limits::kMaxUnixS);
  FUZZ_DEMAND(is_utf8(description->swarm_toml));
  FUZZ_DEMAND(trust::read_description(bytes + '\0').has_error());
  if (description->origin.owner != fuzz::own_key().public_key()) return;
  const auto again = trust::sign_description(fuzz::own_key(), *description);
  FUZZ_DEMAND(again.has_value());
  FUZZ_DEMAND(trust::read_description(*again).value() == *description);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  try_bytes(input);
  try_bytes(fuzz::signed_by_us("swarm description v1", input));
  return 0;
}
