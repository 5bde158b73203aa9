// brigade doctor: whether this machine is fit and reachable, and what to do where it is not.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/diagnosis.hpp"
#include "cli/find_nodes.hpp"
#include "cli/node_folder.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

struct DoctorFlags {
  std::string socket;
  std::string state;
  bool prints_json = false;
};

/// Nodes that run and nodes that do not: the service, else those that joined, else a local run's.
Result<std::vector<NodePlace>> find_places(const DoctorFlags& flags) {
  if (!flags.socket.empty()) return std::vector<NodePlace>{{flags.socket, {}}};
  std::error_code ignored;
  if (!flags.state.empty())
    return std::vector<NodePlace>{{"", fs::absolute(flags.state, ignored) / "node.toml"}};
  if (fs::exists(kServiceNodeFile, ignored)) return std::vector<NodePlace>{{"", kServiceNodeFile}};
  std::vector<NodePlace> places;
  for (const fs::path& file : node_files()) places.push_back({"", file});
  if (!places.empty()) return places;
  const auto sockets = find_sockets({});
  if (!sockets)
    return make_error(ErrorCode::kNotFound,
                      fmt::format("no node found: no {}, none that joined in {}, no run in "
                                  "brigade-out: give --state DIR or --socket PATH",
                                  kServiceNodeFile, nodes_root().string()));
  for (const std::string& socket : *sockets) places.push_back({socket, {}});
  return places;
}

void print(const std::vector<Finding>& findings) {
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.what.size());
  std::string group;
  for (const Finding& finding : findings) {
    if (finding.group != group) fmt::print("{}\n", finding.group);
    group = finding.group;
    fmt::print("  {:<4}  {:<{}}  {}\n", to_string(finding.verdict), finding.what, width,
               finding.found);
    if (!finding.remedy.empty()) fmt::print("        → {}\n", finding.remedy);
  }
}

void print_json(const std::vector<Finding>& findings, const NodeFacts& facts) {
  for (const Finding& finding : findings) std::puts(to_json(finding, facts).dump().c_str());
}

Exit examine(const DoctorFlags& flags) {
  const auto places = find_places(flags);
  if (!places) return fail(Exit::kFailed, places.error());
  Exit exit = Exit::kDone;
  for (const NodePlace& place : *places) {
    const NodeFacts facts = gather_facts(place);
    const std::vector<Finding> findings = diagnose(facts);
    if (flags.prints_json) {
      print_json(findings, facts);
    } else {
      if (places->size() > 1)
        fmt::print("{}{}\n", &place == places->data() ? "" : "\n",
                   place.node_file.empty() ? place.socket : place.node_file.string());
      print(findings);
    }
    if (std::ranges::count(findings, Verdict::kBad, &Finding::verdict) > 0) exit = Exit::kFailed;
  }
  return exit;
}

}  // namespace

void add_doctor(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Tell whether this machine is fit and reachable, and what to do where it is not");
  const auto flags = std::make_shared<DoctorFlags>();
  command->add_option("--socket", flags->socket, "the node behind this control socket")
      ->type_name("PATH");
  command->add_option("--state", flags->state, "the node whose folder this is, with its node.toml")
      ->type_name("DIR")
      ->excludes("--socket");
  command->add_flag("--json", flags->prints_json, "one JSON object a check");
  command->footer(fmt::format(
      "Looks at the machine, the node, the ways to others, the swarm and discovery; changes\n"
      "nothing. Each line says ok, note (it works) or bad, and what to do about it. Without a\n"
      "flag: the service of this machine ({}), else the nodes that brigade\n"
      "join made, else the run in brigade-out; a node that does not run is looked at too.\n"
      "Exit code 1 if anything is bad.\n\n"
      "Examples:\n"
      "  brigade doctor\n"
      "  brigade doctor --state ~/.local/state/brigade/my-swarm-1b2c3d4e\n"
      "  brigade doctor --json",
      kServiceNodeFile));
  command->callback([flags, &chosen] { chosen = [flags] { return examine(*flags); }; });
}

}  // namespace brigade::cli
