#include "cli/status_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/figures.hpp"
#include "cli/columns.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

std::string blocks_of(const control::NodeStatus& node) {
  if (node.blocks() <= 1) return fmt::format("{}", node.first_block());
  return fmt::format("{}-{}", node.first_block(), node.first_block() + node.blocks() - 1);
}

Row row_of(const control::NodeStatus& node) {
  return {fmt::format("{}/{}", node.stage(), node.stages()),
          node.node().substr(0, 8),
          blocks_of(node),
          node.phase(),
          with_commas(node.position()),
          fmt::format("{}", node.in_flight()),
          fmt::format("{:.0f} %", 100 * node.busy_ratio()),
          fmt::format("{:.1f}", node.staleness_mean()),
          in_bytes(node.rss_bytes()),
          fmt::format("{}/{}",
                      std::count_if(node.peers().begin(), node.peers().end(),
                                    [](const auto& peer) { return peer.is_linked(); }),
                      node.peers_size()),
          node.device(),
          fmt::format("{}", node.pid())};
}

Json peer_json(const control::PeerStatus& peer) {
  Json json;
  json["node"] = peer.node();
  json["stage"] = peer.stage();
  json["address"] = peer.address();
  json["is_linked"] = peer.is_linked();
  json["round_trip_ms"] = peer.round_trip_ms();
  json["last_error"] = peer.last_error();
  return json;
}

Json replica_json(const control::NodeStatus& node) {
  if (!node.has_replica_status()) return nullptr;
  const auto& replica = node.replica_status();
  Json json;
  json["taken"] = replica.taken();
  json["handed_back"] = replica.handed_back();
  json["written_off"] = replica.written_off();
  json["suspended"] = replica.suspended();
  json["path_reason"] = replica.path_reason();
  json["averaged"] = replica.averaged();
  json["average_failed"] = replica.average_failed();
  return json;
}

/// Every micro-batch that this node ever had, and where it is.
std::string account_line(const control::NodeStatus& node) {
  const auto& replica = node.replica_status();
  std::string line = fmt::format("account: {} taken = {} applied + {} in flight + {} handed back",
                                 with_commas(replica.taken()), with_commas(node.applied()),
                                 with_commas(node.in_flight()), with_commas(replica.handed_back()));
  if (replica.written_off() > 0)
    line += fmt::format("; {} written off", with_commas(replica.written_off()));
  return line;
}

Json member_json(const control::MemberStatus& member) {
  Json json;
  json["node"] = member.node();
  json["stage"] = member.has_stage() ? Json(member.stage()) : Json(nullptr);
  json["doing"] = member.doing();
  json["standing"] = member.standing();
  json["is_self"] = member.is_self();
  json["is_linked"] = member.is_linked();
  json["can_be_dialled"] = member.can_be_dialled();
  json["address"] = member.address();
  json["relay"] = member.relay();
  return json;
}

Row row_of(const control::MemberStatus& member) {
  std::string reach = member.can_be_dialled() ? member.address() : "dials out only";
  std::string link = member.is_self() ? "this node" : member.is_linked() ? "linked" : "";
  if (member.is_linked() && !member.relay().empty())
    link = "through " + member.relay().substr(0, 8);
  return {member.has_stage() ? fmt::format("{}", member.stage()) : "-",
          member.node().substr(0, 8),
          member.doing(),
          member.standing(),
          std::move(reach),
          std::move(link)};
}

/// What one node knows of its swarm, in the order of the line.
std::vector<std::string> member_table(const control::NodeStatus& node) {
  std::vector<control::MemberStatus> members(node.members().begin(), node.members().end());
  std::ranges::sort(members, [](const auto& a, const auto& b) {
    return std::tuple(!a.has_stage(), a.stage(), a.node()) <
           std::tuple(!b.has_stage(), b.stage(), b.node());
  });
  std::vector<Row> rows = {{"stage", "member", "does", "is", "reached at", "link"}};
  for (const auto& member : members) rows.push_back(row_of(member));
  return in_columns(rows);
}

}  // namespace

std::vector<std::string> status_table(std::span<const control::NodeStatus> nodes) {
  if (nodes.empty()) return {};
  std::vector<Row> rows = {{"stage", "node", "blocks", "phase", "position", "in flight", "busy",
                            "staleness", "memory", "links", "device", "pid"}};
  for (const auto& node : nodes) rows.push_back(row_of(node));
  std::vector<std::string> lines = in_columns(rows);
  for (const auto& node : nodes) {
    if (!node.waiting_for().empty()) {
      lines.push_back(fmt::format("stage {} waits: {}", node.stage(), node.waiting_for()));
    }
    if (!node.error().empty()) {
      lines.push_back(fmt::format("stage {} is blocked: {}", node.stage(), node.error()));
    }
    for (const auto& peer : node.peers()) {
      if (peer.is_linked() || peer.last_error().empty()) continue;
      lines.push_back(fmt::format("stage {} has no link to stage {}: {}", node.stage(),
                                  peer.stage(), peer.last_error()));
    }
    if (node.members_size() == 0) continue;
    if (node.has_replica_status()) lines.push_back(account_line(node));
    lines.push_back("discovery: " + node.discovery());
    lines.push_back("port mapping: " + node.port_mapping());
    lines.emplace_back();
    for (std::string& line : member_table(node)) lines.push_back(std::move(line));
  }
  return lines;
}

Json status_json(const control::NodeStatus& node) {
  Json json;
  json["node"] = node.node();
  json["stage"] = node.stage();
  json["stages"] = node.stages();
  json["replica"] = node.replica();
  json["pid"] = node.pid();
  json["version"] = node.version();
  json["phase"] = node.phase();
  json["waiting_for"] = node.waiting_for();
  json["error"] = node.error();
  json["epoch"] = node.epoch();
  json["position"] = node.position();
  json["committed_position"] = node.committed_position();
  json["drawn"] = node.drawn();
  json["applied"] = node.applied();
  json["in_flight"] = node.in_flight();
  json["forwarded"] = node.forwarded();
  json["window"] = node.window();
  json["window_reason"] = node.window_reason();
  json["waiting_gradients"] = node.waiting_gradients();
  json["kept_gradients"] = node.kept_gradients();
  json["updates"] = node.updates();
  json["weight_versions"] = node.weight_versions();
  json["staleness_mean"] = node.staleness_mean();
  json["staleness_max"] = node.staleness_max();
  json["staleness_histogram"] = Json::array();
  for (const std::uint64_t count : node.staleness_histogram())
    json["staleness_histogram"].push_back(count);
  json["drift_cosine"] = node.drift_cosine();
  json["drift_norm"] = node.drift_norm();
  json["busy"] = node.busy_ratio();
  json["compute_seconds"] = node.compute_seconds();
  json["compute_cpu_seconds"] = node.compute_cpu_seconds();
  json["rss_bytes"] = node.rss_bytes();
  json["param_bytes"] = node.param_bytes();
  json["state_bytes"] = node.state_bytes();
  json["stash_bytes"] = node.stash_bytes();
  json["bytes_sent"] = node.bytes_sent();
  json["bytes_received"] = node.bytes_received();
  json["bytes_relayed"] = node.bytes_relayed();
  json["repeats"] = node.repeats();
  json["duplicates"] = node.duplicates();
  json["lr"] = node.learning_rate();
  json["gradient_norm"] = node.gradient_norm();
  json["loss"] = node.loss();
  json["tokens"] = node.tokens();
  json["parameters"] = node.parameters();
  json["first_block"] = node.first_block();
  json["blocks"] = node.blocks();
  json["device"] = node.device();
  json["listen"] = node.listen();
  json["seconds"] = node.seconds();
  json["discovery"] = node.discovery();
  json["port_mapping"] = node.port_mapping();
  json["reach"] = node.reach();
  json["peers"] = Json::array();
  for (const auto& peer : node.peers()) json["peers"].push_back(peer_json(peer));
  json["replicas"] = replica_json(node);
  json["members"] = Json::array();
  for (const auto& member : node.members()) json["members"].push_back(member_json(member));
  return json;
}

}  // namespace brigade::cli
