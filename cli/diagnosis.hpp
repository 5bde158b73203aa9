// What is wrong with a node, and what to do about it: facts in, findings out. Pure.
//
// A thing is bad where this machine does no good to its swarm because of it: the node does not
// run, can't start or can't be worked with, or the swarm can't train. All else is a note. A check
// that does not apply, or whose facts are not known, has no finding.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/event_json.hpp"
#include "cli/finding.hpp"
#include "cli/node_facts.hpp"

namespace brigade::cli {

struct Check {
  const char* group;
  const char* what;
  std::optional<Finding> (*judge)(const NodeFacts& facts);
};

/// Of the machine and of the node on it (diagnosis_node.cpp).
std::span<const Check> node_checks();
/// Of the ways to others and of the swarm (diagnosis_swarm.cpp).
std::span<const Check> swarm_checks();

/// All of them, in their order.
std::vector<Finding> diagnose(const NodeFacts& facts);

/// One line of --json.
Json to_json(const Finding& finding, const NodeFacts& facts);

/// "set threads = 8 in node.toml and start the node again": how a setting is changed.
std::string to_set(const NodeFacts& facts, const std::string& setting);
/// "systemctl restart brigaded", or the command for a node of a user.
std::string to_start(const NodeFacts& facts);
/// "brigade resume", of this very node.
std::string to_resume(const NodeFacts& facts);
/// "brigade doctor", of this very node whoever asks.
std::string to_examine(const NodeFacts& facts);

/// HOST:PORT that nobody on another machine reaches.
bool is_loopback(const std::string& address);

}  // namespace brigade::cli
