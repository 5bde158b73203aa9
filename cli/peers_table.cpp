#include "cli/peers_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "base/figures.hpp"
#include "cli/columns.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

constexpr std::size_t kShortId = 8;

/// What is told of one node: as a member, as the other end of a link, or both.
struct Peer {
  std::string node;
  const control::MemberStatus* member = nullptr;
  const control::PeerStatus* link = nullptr;

  bool is_linked() const { return link != nullptr && link->is_linked(); }
  bool has_stage() const { return member == nullptr || member->has_stage(); }
  std::uint32_t stage() const { return member == nullptr ? link->stage() : member->stage(); }
  const control::GivenStatus* given() const {
    return member != nullptr && member->has_given() ? &member->given() : nullptr;
  }
  std::string last_error() const {
    if (is_linked()) return "";
    if (link != nullptr && !link->last_error().empty()) return link->last_error();
    return member == nullptr ? "" : member->last_error();
  }
  std::string address() const {
    if (member == nullptr) return link->address();
    return member->can_be_dialled() ? member->address() : "";
  }
};

std::vector<Peer> peers_of(const control::NodeStatus& node) {
  std::map<std::string, Peer> by_node;
  for (const auto& member : node.members())
    if (!member.is_self()) by_node[member.node()].member = &member;
  for (const auto& link : node.peers()) by_node[link.node()].link = &link;
  std::vector<Peer> peers;
  for (auto& [id, peer] : by_node) {
    peer.node = id;
    peers.push_back(peer);
  }
  std::ranges::stable_sort(peers, {}, [](const Peer& peer) {
    return std::tuple(!peer.has_stage(), peer.has_stage() ? peer.stage() : 0);
  });
  return peers;
}

std::string link_of(const Peer& peer) {
  if (!peer.is_linked()) return "none";
  const bool is_relayed = peer.member != nullptr && !peer.member->relay().empty();
  return is_relayed ? "through " + peer.member->relay().substr(0, kShortId) : "linked";
}

std::string in_ms(double ms) {
  if (ms <= 0) return "";
  return ms < 10 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.0f} ms", ms);
}

/// Who dialled, round trip, codec, sent, received.
Row cells_of_link(const Peer& peer) {
  if (!peer.is_linked()) return {"", "", "", "", ""};
  const control::PeerStatus& link = *peer.link;
  return {link.was_dialled() ? "this node" : "it", in_ms(link.round_trip_ms()), link.codec(),
          in_bytes(link.bytes_sent()), in_bytes(link.bytes_received())};
}

/// What it holds, its pace.
Row cells_of_given(const control::GivenStatus* given) {
  if (given == nullptr) return {"", ""};
  return {fmt::format("{}{}", given->held(), given->is_late() ? ", late" : ""),
          in_ms(given->pace_ms())};
}

Row row_of(const Peer& peer) {
  Row row = {peer.has_stage() ? fmt::format("{}", peer.stage()) : "-",
             peer.node.substr(0, kShortId), peer.member == nullptr ? "" : peer.member->doing(),
             peer.member == nullptr ? "" : peer.member->standing(), link_of(peer)};
  std::ranges::move(cells_of_link(peer), std::back_inserter(row));
  std::ranges::move(cells_of_given(peer.given()), std::back_inserter(row));
  return row;
}

std::vector<std::string> troubles_of(const Peer& peer) {
  const std::string name = peer.node.substr(0, kShortId);
  std::vector<std::string> lines;
  if (peer.member != nullptr && peer.member->quarantined_s() > 0) {
    lines.push_back(fmt::format("{} is quarantined for {} more: {}", name,
                                in_words(peer.member->quarantined_s()),
                                peer.member->quarantine_reason()));
  } else if (peer.member != nullptr && peer.member->misdeeds() >= 0.5) {  // else long ago
    lines.push_back(fmt::format("{} has misbehaved: {:.1f} of the 5 that end in quarantine", name,
                                peer.member->misdeeds()));
  }
  if (const std::string error = peer.last_error(); !error.empty())
    lines.push_back(fmt::format("{} has no link: {}", name, error));
  return lines;
}

template <class Source, class Get>
Json or_null(const Source* source, Get get) {
  return source == nullptr ? Json(nullptr) : Json(get(*source));
}

Json json_of(const Peer& peer, const std::string& seen_by) {
  const control::PeerStatus* link = peer.is_linked() ? peer.link : nullptr;
  const control::MemberStatus* member = peer.member;
  const control::GivenStatus* given = peer.given();
  Json json;
  json["node"] = peer.node;
  json["seen_by"] = seen_by;
  json["stage"] = peer.has_stage() ? Json(peer.stage()) : Json(nullptr);
  json["doing"] = or_null(member, [](const auto& m) { return m.doing(); });
  json["standing"] = or_null(member, [](const auto& m) { return m.standing(); });
  json["can_be_dialled"] = or_null(member, [](const auto& m) { return m.can_be_dialled(); });
  json["address"] = peer.address();
  json["is_linked"] = peer.is_linked();
  json["relay"] = or_null(member, [](const auto& m) { return m.relay(); });
  json["was_dialled"] = or_null(link, [](const auto& l) { return l.was_dialled(); });
  json["linked_s"] = or_null(link, [](const auto& l) { return l.linked_s(); });
  json["round_trip_ms"] = or_null(link, [](const auto& l) { return l.round_trip_ms(); });
  json["codec"] = or_null(link, [](const auto& l) { return l.codec(); });
  json["bytes_sent"] = or_null(link, [](const auto& l) { return l.bytes_sent(); });
  json["bytes_received"] = or_null(link, [](const auto& l) { return l.bytes_received(); });
  json["held"] = or_null(given, [](const auto& g) { return g.held(); });
  json["pace_ms"] = or_null(given, [](const auto& g) { return g.pace_ms(); });
  json["is_late"] = or_null(given, [](const auto& g) { return g.is_late(); });
  json["misdeeds"] = or_null(member, [](const auto& m) { return m.misdeeds(); });
  json["quarantined_s"] = or_null(member, [](const auto& m) { return m.quarantined_s(); });
  json["quarantine_reason"] = or_null(member, [](const auto& m) { return m.quarantine_reason(); });
  json["last_error"] = peer.last_error();
  return json;
}

}  // namespace

std::vector<std::string> peers_table(const control::NodeStatus& node) {
  const std::vector<Peer> peers = peers_of(node);
  if (peers.empty()) return {"this node knows no other"};
  std::vector<Row> rows = {{"stage", "peer", "does", "is", "link", "dialled by", "round trip",
                            "codec", "sent", "received", "holds", "pace"}};
  for (const Peer& peer : peers) rows.push_back(row_of(peer));
  std::vector<std::string> lines = in_columns(rows);
  for (const Peer& peer : peers)
    for (std::string& line : troubles_of(peer)) lines.push_back(std::move(line));
  return lines;
}

std::vector<Json> peers_json(const control::NodeStatus& node) {
  std::vector<Json> objects;
  for (const Peer& peer : peers_of(node)) objects.push_back(json_of(peer, node.node()));
  return objects;
}

}  // namespace brigade::cli
