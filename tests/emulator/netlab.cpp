// brigade-netlab: programs in network namespaces of their own, joined by links that are as slow and
// as bad as a scenario says. See scenario.hpp and command.hpp for its language.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "tests/emulator/netns.hpp"
#include "tests/emulator/program.hpp"
#include "tests/emulator/router.hpp"
#include "tests/emulator/scenario.hpp"

namespace brigade::emulator {
namespace {

constexpr int kUsage = 2;

struct Arguments {
  std::string scenario;
  std::string node;
  std::string control;
  bool is_quiet = false;
  std::vector<std::string> command;
};

int fail(int code, const std::string& message) {
  fmt::print(stderr, "brigade-netlab: {}\n", message);
  return code;
}

void print(std::FILE* to, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) fmt::print(to, "{}\n", line);
  std::fflush(to);
}

Result<Scenario> load(const std::string& file) {
  BRIGADE_ASSIGN(const std::string text, read_file(file, limits::kMaxConfigBytes));
  return parse_scenario(text, file);
}

Result<std::vector<Namespace>> make_namespaces(const Scenario& scenario) {
  std::vector<Namespace> made;
  for (std::size_t node = 0; node < scenario.nodes.size(); ++node) {
    BRIGADE_ASSIGN(Namespace one, make_namespace(ipv4_of(node), scenario.mtu));
    made.push_back(std::move(one));
  }
  return made;
}

Result<pid_t> start_command(const Arguments& arguments, const Scenario& scenario,
                            const std::vector<Namespace>& namespaces) {
  ProgramOptions options{.arguments = arguments.command, .node = {}, .environment = {}};
  if (!arguments.control.empty())
    options.environment.push_back("BRIGADE_NETLAB_CONTROL=" + arguments.control);
  if (!arguments.node.empty()) {
    const auto& names = scenario.nodes;
    const auto found = std::find(names.begin(), names.end(), arguments.node);
    if (found == names.end()) {
      return make_error(ErrorCode::kBadInput, fmt::format("--in {}: must be one of {}",
                                                          arguments.node, fmt::join(names, ", ")));
    }
    options.node = static_cast<std::size_t>(found - names.begin());
  }
  return start_program(options, scenario.nodes, namespaces);
}

Result<int> run_lab(const Arguments& arguments, const Scenario& scenario) {
  BRIGADE_ASSIGN(const std::vector<Namespace> namespaces, make_namespaces(scenario));
  Descriptor control;
  std::filesystem::path socket;
  if (!arguments.control.empty()) {
    socket = std::filesystem::absolute(arguments.control);
    BRIGADE_ASSIGN(control, listen_at(socket.string()));
  }
  const bool has_command = !arguments.command.empty();
  BRIGADE_ASSIGN(Router router,
                 Router::make(scenario, namespaces, std::move(control), !has_command));
  std::optional<pid_t> program;
  if (has_command) {
    Arguments resolved = arguments;
    resolved.control = socket.string();
    BRIGADE_ASSIGN(program, start_command(resolved, scenario, namespaces));
  } else {
    print(stdout, router.nodes());
    print(stdout, {"ready"});
  }
  const int code = router.run(program);
  kill_inhabitants(namespaces);
  std::error_code ignored;
  if (!socket.empty()) std::filesystem::remove(socket, ignored);
  if (!arguments.is_quiet) print(stderr, router.counters());
  return code;
}

}  // namespace
}  // namespace brigade::emulator

int main(int argc, char** argv) {
  using namespace brigade::emulator;
  CLI::App app(
      "Runs COMMAND among network namespaces that are joined by emulated links (needs root). "
      "Inside "
      "it, `ip netns exec NODE PROGRAM` starts a program in a node. Without a COMMAND, reads "
      "commands from stdin until its end.");
  Arguments arguments;
  app.add_option("scenario", arguments.scenario, "nodes, seed, mtu and script")->required();
  app.add_option("--in", arguments.node, "the node that COMMAND runs in (default: none of them)");
  app.add_option("--control", arguments.control, "Unix socket that takes commands");
  app.add_flag("--quiet", arguments.is_quiet, "no counters at the end");
  app.add_option("command", arguments.command, "what to run");
  app.footer(
      "Exit codes: COMMAND's own, 1 failed, 2 wrong usage, 127 COMMAND cannot be started.\n"
      "Commands: link A B KEY VALUE…, partition A B, heal A B, each after `at SECONDS` if wanted;\n"
      "counters, nodes, quit. A>B is one direction, * every node. Keys: delay, jitter, hold, "
      "rate,\n"
      "burst, queue, loss, duplicate, reorder.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? 0 : kUsage;
  }
  const auto scenario = load(arguments.scenario);
  if (!scenario) return fail(kUsage, scenario.error().message);
  const auto code = run_lab(arguments, *scenario);
  if (!code) return fail(1, code.error().message);
  return *code;
}
