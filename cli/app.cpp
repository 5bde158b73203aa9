#include "cli/app.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit.hpp"
#include "cli/help.hpp"
#include "cli/version.hpp"

namespace brigade::cli {

namespace {

void add_swarm(CLI::App& app, Chosen& chosen) {
  CLI::App* swarm = app.add_subcommand("swarm", "Make a swarm, see what one is, put somebody out");
  swarm->require_subcommand(1);
  add_swarm_create(*swarm, chosen);
  add_swarm_show(*swarm, chosen);
  add_swarm_revoke(*swarm, chosen);
  swarm->footer(
      "Examples:\n"
      "  brigade swarm create swarm.toml --out my-swarm\n"
      "  brigade swarm show my-swarm\n"
      "  brigade swarm revoke 1234abcd --swarm my-swarm");
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app("Trains a language model across a line of daemons, each with one stage of it.",
               "brigade");
  Chosen chosen;
  app.set_version_flag("--version", fmt::format("brigade {}", kVersion));
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());
  add_local(app, chosen);
  add_swarm(app, chosen);
  add_invite(app, chosen);
  add_join(app, chosen);
  add_status(app, chosen);
  add_peers(app, chosen);
  add_doctor(app, chosen);
  add_simulate(app, chosen);
  add_drain(app, chosen);
  add_resume(app, chosen);
  add_leave(app, chosen);
  add_stage_commands(app, chosen, std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  app.footer(
      "Start here:\n"
      "  brigade local                     train a small model on this machine\n"
      "  brigade generate brigade-out      let it write\n\n"
      "Every command has --help with examples.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(fail(Exit::kUsage, describe_usage_error(app, error)));
  }
  return static_cast<int>(chosen());
}

}  // namespace brigade::cli
