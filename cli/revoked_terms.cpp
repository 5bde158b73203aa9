#include "cli/revoked_terms.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/figures.hpp"

namespace brigade::cli {

namespace {

constexpr std::string_view kInviteStart = "brigade1-";
constexpr std::size_t kIdDigits = 64;

Error bad_input(std::string text) {
  return make_error(ErrorCode::kBadInput, std::move(text));
}

Result<NodeId> to_node(std::string_view text, const control::v1::NodeStatus& own) {
  NodeId node;
  if (from_hex(text, node)) return node;
  const bool is_hex = text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!is_hex || text.size() < kShortestId || text.size() >= kIdDigits) {
    return bad_input(
        fmt::format("{}: must be a node's id of {} hexadecimal digits, the first {} "
                    "or more of one that brigade status shows, or an invite's line",
                    text, kIdDigits, kShortestId));
  }
  std::vector<NodeId> found;
  for (const auto& member : own.members())
    if (member.node().starts_with(text) && from_hex(member.node(), node)) found.push_back(node);
  if (found.size() == 1) return found.front();
  return bad_input(fmt::format(
      "{}: {}: give all {} digits of its id", text,
      found.empty() ? "no node of the swarm runs on this machine and knows such a member"
                    : "the ids of several members begin so",
      kIdDigits));
}

}  // namespace

Result<trust::Revoked> to_revoked(std::string_view text, const trust::SwarmOrigin& origin,
                                  const control::v1::NodeStatus& own) {
  if (text.starts_with(kInviteStart)) {
    BRIGADE_ASSIGN(const trust::Invite invite, trust::read_invite(text));
    if (invite.origin == origin) return trust::Revoked(invite.id);
    return bad_input(fmt::format("this invite is to another swarm, {}: give another --swarm",
                                 invite.swarm_name));
  }
  BRIGADE_ASSIGN(const NodeId node, to_node(text, own));
  return trust::Revoked(node);
}

std::string describe_revoked(const trust::Revocation& revocation) {
  const auto* node = std::get_if<NodeId>(&revocation.subject);
  const std::string who =
      node != nullptr ? "node " + to_hex(*node)
                      : "invite " + trust::to_hex(std::get<trust::InviteId>(revocation.subject));
  return fmt::format("{}, {}{}{}", who, as_utc(revocation.revoked_unix_s),
                     revocation.reason.empty() ? "" : ": ", revocation.reason);
}

Json to_json(const trust::Revocation& revocation) {
  Json json;
  if (const auto* node = std::get_if<NodeId>(&revocation.subject)) json["node"] = to_hex(*node);
  if (const auto* invite = std::get_if<trust::InviteId>(&revocation.subject))
    json["invite"] = trust::to_hex(*invite);
  json["revoked_unix_s"] = revocation.revoked_unix_s;
  json["reason"] = revocation.reason;
  return json;
}

}  // namespace brigade::cli
