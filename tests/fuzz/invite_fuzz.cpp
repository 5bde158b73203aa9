// Any text as an invite's line; any bytes as the statement in a line with a good checksum; any
// bytes as what an owner has signed. What is accepted is within bounds and has one line.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/own_key.hpp"
#include "trust/invite.hpp"
#include "trust/invite_line.hpp"

using namespace brigade;

namespace {

bool is_word(std::string_view text, std::size_t max_bytes) {
  return !text.empty() && text.size() <= max_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string without_spaces(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
  return text;
}

void demand_sound(const trust::Invite& invite) {
  FUZZ_DEMAND(is_word(invite.swarm_name, limits::kMaxNameBytes));
  FUZZ_DEMAND(invite.uses <= limits::kMaxInviteUses);
  FUZZ_DEMAND(invite.created_unix_s <= limits::kMaxUnixS);
  FUZZ_DEMAND(invite.expires_unix_s <= limits::kMaxUnixS);
  FUZZ_DEMAND(invite.contacts.size() <= limits::kMaxContacts);
  for (const trust::Contact& contact : invite.contacts) {
    FUZZ_DEMAND(is_word(contact.address, limits::kMaxAddressBytes));
  }
  if (invite.origin.owner != fuzz::own_key().public_key()) return;
  const auto line = trust::sign_invite(fuzz::own_key(), invite);
  FUZZ_DEMAND(line.has_value());
  FUZZ_DEMAND(trust::read_invite(*line).value() == invite);
}

void try_line(const std::string& line) {
  const auto statement = trust::from_invite_line(line);
  if (statement) FUZZ_DEMAND(trust::to_invite_line(*statement) == without_spaces(line));
  const auto invite = trust::read_invite(line);
  if (invite) {
    FUZZ_DEMAND(statement.has_value());
    demand_sound(*invite);
  } else {
    FUZZ_DEMAND(invite.error().code == ErrorCode::kBadInput);
    fuzz::demand_readable(invite.error());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  try_line(input);
  try_line(trust::to_invite_line(input));
  try_line(trust::to_invite_line(fuzz::signed_by_us("invite v1", input)));
  return 0;
}
