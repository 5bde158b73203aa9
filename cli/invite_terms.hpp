// What an invite grants, as people write it in flags and read it back; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/event_json.hpp"
#include "trust/invite.hpp"

namespace brigade::cli {

/// "90m", "12h", "30d", "4w" in seconds, a century at most; "never" is 0.
std::optional<std::uint64_t> to_lifetime_s(std::string_view text);
/// An invite as words of a command line, in one piece or as it was broken; "-": what stdin says, a
/// byte more than an invite may have, so that a longer one is refused and not cut.
std::string invite_text(const std::vector<std::string>& words);
/// "5", up to limits::kMaxInviteUses; "any" is 0.
std::optional<std::uint32_t> to_uses(std::string_view text);
/// "NODE@HOST:PORT" with a port that can be dialled.
std::optional<trust::Contact> to_contact(std::string_view text);

/// "1 node may join with it, until 2026-12-22 05:05 UTC", "5 nodes may join with it, for ever",
/// "expired, 2026-12-22 05:05 UTC".
std::string describe_terms(const trust::Invite& invite, std::uint64_t now_unix_s);

/// Lines of names and values, for people.
std::vector<std::string> describe_invite(const trust::Invite& invite, std::uint64_t now_unix_s);
Json to_json(const trust::Invite& invite, std::uint64_t now_unix_s);

}  // namespace brigade::cli
