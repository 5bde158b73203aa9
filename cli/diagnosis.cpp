#include "cli/diagnosis.hpp"

#include <fmt/format.h>

#include "cli/node_folder.hpp"

namespace brigade::cli {

namespace {

bool is_service(const NodeFacts& facts) {
  return facts.node_file == kServiceNodeFile;
}

}  // namespace

std::vector<Finding> diagnose(const NodeFacts& facts) {
  std::vector<Finding> findings;
  for (const auto checks : {node_checks(), swarm_checks()}) {
    for (const Check& check : checks) {
      auto finding = check.judge(facts);
      if (!finding) continue;
      finding->group = check.group;
      finding->what = check.what;
      findings.push_back(std::move(*finding));
    }
  }
  return findings;
}

std::string to_set(const NodeFacts& facts, const std::string& setting) {
  const std::string file = facts.node_file.empty() ? "node.toml" : facts.node_file.string();
  if (!facts.status) return fmt::format("set {} in {}", setting, file);
  return fmt::format("set {} in {}, then {}", setting, file,
                     is_service(facts) ? to_start(facts) : "start the node again");
}

std::string to_start(const NodeFacts& facts) {
  if (is_service(facts)) return "systemctl restart brigaded";  // or start
  return fmt::format("brigaded --config {}", facts.node_file.string());
}

}  // namespace brigade::cli
