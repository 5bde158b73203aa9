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

Json to_json(const Finding& finding, const NodeFacts& facts) {
  Json json;
  if (!facts.id.empty()) json["node"] = facts.id;
  json["node_file"] = facts.node_file.string();
  json["socket"] = facts.socket;
  json["group"] = finding.group;
  json["check"] = finding.what;
  json["verdict"] = to_string(finding.verdict);
  json["found"] = finding.found;
  json["remedy"] = finding.remedy;
  return json;
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

std::string to_resume(const NodeFacts& facts) {
  return is_service(facts) ? "brigade resume" : "brigade resume --socket " + facts.socket;
}

std::string to_examine(const NodeFacts& facts) {
  if (is_service(facts)) return "brigade doctor";
  if (facts.node_file.empty()) return "brigade doctor --socket " + facts.socket;
  return "brigade doctor --state " + facts.node_file.parent_path().string();
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("[::1]") ||
         address.starts_with("localhost:");
}

}  // namespace brigade::cli
