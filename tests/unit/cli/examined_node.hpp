// A node that brigade doctor looks at, for tests: what is known of it, and what is said of it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cli/diagnosis.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

inline constexpr std::uint64_t kGigabyte = 1'000'000'000;
inline constexpr std::uint64_t kNow = 1'800'000'000;

/// A member that serves stage 0 of three, stopped, on a machine that is fit.
inline NodeFacts stopped() {
  NodeFacts facts;
  facts.node_file = "/n/node.toml";
  facts.node.emplace();
  facts.node->invite = "/n/invite";
  facts.node->swarm = "/n/swarm.signed";
  facts.node->identity = "/n/identity.pem";
  facts.node->threads = 0;
  facts.machine = {.now_unix_s = kNow,
                   .is_clock_synchronised = true,
                   .cores = 4,
                   .free_memory_bytes = 8 * kGigabyte,
                   .gpus = std::nullopt,
                   .lan_address = "192.168.1.5"};
  facts.folder.path = "/n";
  facts.folder.owner = "ada";
  facts.folder.is_readable = true;
  facts.folder.free_bytes = 8 * kGigabyte;
  facts.folder.key_mode = 0600;
  facts.swarm.invite.emplace();
  facts.swarm.invite->created_unix_s = kNow - 100;
  facts.swarm.invite->expires_unix_s = kNow + 100;
  facts.swarm.config.emplace();
  facts.swarm.config->run.keep_checkpoints = 2;
  facts.swarm.has_data = true;
  facts.swarm.stage = 0;
  facts.swarm.needs = StageNeeds{kGigabyte, kGigabyte};
  facts.doors = {{"203.0.113.7:7070", Probe::kAnswered}};
  return facts;
}

inline control::MemberStatus& add_member(control::NodeStatus& status, char id,
                                         std::uint32_t stage) {
  auto& member = *status.add_members();
  member.set_node(std::string(64, id));
  member.set_has_stage(true);
  member.set_stage(stage);
  member.set_doing("serving");
  member.set_standing("alive");
  member.set_can_be_dialled(true);
  member.set_address(std::string("203.0.113.1:707") + id);
  return member;
}

/// The same, trains with two others.
inline NodeFacts running() {
  NodeFacts facts = stopped();
  facts.doors.clear();
  control::NodeStatus status;
  status.set_pid(7);
  status.set_phase("training");
  status.set_device("cpu");
  status.set_stages(3);
  status.set_seconds(600);
  status.set_listen("0.0.0.0:7070");
  status.set_reach("yes");
  status.set_port_mapping("port 7070 of 203.0.113.1 by UPnP");
  status.set_discovery("2 nodes of the DHT");
  status.set_dht_nodes(2);
  add_member(status, '0', 0).set_is_self(true);
  add_member(status, '1', 1).set_is_linked(true);
  add_member(status, '2', 2);
  auto& link = *status.add_peers();
  link.set_is_linked(true);
  link.set_was_dialled(true);
  facts.status = std::move(status);
  facts.own_port = {"127.0.0.1:7070", Probe::kAnswered};
  return facts;
}

/// Of one check; none if it had nothing to say.
inline Finding finding(const NodeFacts& facts, const std::string& what) {
  const auto findings = diagnose(facts);
  const auto found = std::ranges::find(findings, what, &Finding::what);
  return found == findings.end() ? Finding{} : *found;
}

inline bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

inline std::vector<std::string> bad_ones(const NodeFacts& facts) {
  std::vector<std::string> names;
  for (const Finding& one : diagnose(facts))
    if (one.verdict == Verdict::kBad) names.push_back(one.what);
  return names;
}

}  // namespace brigade::cli
