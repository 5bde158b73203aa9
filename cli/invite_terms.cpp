#include "cli/invite_terms.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "base/figures.hpp"
#include "base/limits.hpp"
#include "config/node_config.hpp"

namespace brigade::cli {

namespace {

constexpr std::uint64_t kMinuteS = 60;
constexpr std::uint64_t kHourS = 60 * kMinuteS;
constexpr std::uint64_t kDayS = 24 * kHourS;
constexpr std::uint64_t kWeekS = 7 * kDayS;
constexpr std::uint64_t kMaxLifetimeS = 36'525 * kDayS;  // a century

std::optional<std::uint64_t> to_whole(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint64_t seconds_in(char unit) {
  switch (unit) {
    case 'm':
      return kMinuteS;
    case 'h':
      return kHourS;
    case 'd':
      return kDayS;
    case 'w':
      return kWeekS;
    default:
      return 0;
  }
}

}  // namespace

std::optional<std::uint64_t> to_lifetime_s(std::string_view text) {
  if (text == "never") return 0;
  if (text.empty()) return std::nullopt;
  const std::uint64_t unit_s = seconds_in(text.back());
  const auto count = to_whole(text.substr(0, text.size() - 1));
  if (unit_s == 0 || !count || *count == 0 || *count > kMaxLifetimeS / unit_s) return std::nullopt;
  return *count * unit_s;
}

std::string invite_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word;
  if (text != "-") return text;
  text.assign(limits::kMaxInviteBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stdin));
  return text;
}

std::optional<std::uint32_t> to_uses(std::string_view text) {
  if (text == "any") return 0;
  const auto count = to_whole(text);
  if (!count || *count == 0 || *count > limits::kMaxInviteUses) return std::nullopt;
  return static_cast<std::uint32_t>(*count);
}

std::optional<trust::Contact> to_contact(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  trust::Contact contact{{}, std::string(text.substr(at + 1))};
  const bool can_be_dialled = config::is_address(contact.address) &&
                              contact.address.size() <= limits::kMaxAddressBytes &&
                              to_whole(contact.address.substr(contact.address.rfind(':') + 1)) != 0;
  if (!from_hex(text.substr(0, at), contact.node) || !can_be_dialled) return std::nullopt;
  return contact;
}

std::string describe_terms(const trust::Invite& invite, std::uint64_t now_unix_s) {
  const std::string end = as_utc(invite.expires_unix_s);
  if (invite.is_expired(now_unix_s)) return "expired, " + end;
  const std::string who = invite.uses == 0   ? "any number of nodes"
                          : invite.uses == 1 ? "1 node"
                                             : with_commas(invite.uses) + " nodes";
  return fmt::format("{} may join with it, {}", who,
                     invite.expires_unix_s == 0 ? "for ever" : "until " + end);
}

std::vector<std::string> describe_invite(const trust::Invite& invite, std::uint64_t now_unix_s) {
  std::vector<std::string> lines = {
      fmt::format("invite   {}", trust::to_hex(invite.id)),
      fmt::format("swarm    {}", invite.swarm_name),
      fmt::format("id       {}", trust::to_hex(trust::id_of(invite.origin))),
      fmt::format("terms    {}", describe_terms(invite, now_unix_s)),
  };
  for (const trust::Contact& contact : invite.contacts) {
    lines.push_back(fmt::format("contact  {}@{}", to_hex(contact.node), contact.address));
  }
  return lines;
}

Json to_json(const trust::Invite& invite, std::uint64_t now_unix_s) {
  Json json;
  json["invite"] = trust::to_hex(invite.id);
  json["swarm"] = invite.swarm_name;
  json["swarm_id"] = trust::to_hex(trust::id_of(invite.origin));
  json["owner_key"] = trust::to_hex(invite.origin.owner);
  json["created_unix_s"] = invite.created_unix_s;
  json["expires_unix_s"] = invite.expires_unix_s == 0 ? Json() : Json(invite.expires_unix_s);
  json["is_expired"] = invite.is_expired(now_unix_s);
  json["uses"] = invite.uses == 0 ? Json() : Json(invite.uses);
  json["contacts"] = Json::array();
  for (const trust::Contact& contact : invite.contacts) {
    Json one;
    one["node"] = to_hex(contact.node);
    one["address"] = contact.address;
    json["contacts"].push_back(std::move(one));
  }
  return json;
}

}  // namespace brigade::cli
