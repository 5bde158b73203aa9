// brigade join: takes part in a swarm with nothing but an invite.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "cli/child.hpp"
#include "cli/commands.hpp"
#include "cli/invite_terms.hpp"
#include "cli/node_folder.hpp"
#include "cli/swarm_folder.hpp"
#include "cli/wall_clock.hpp"
#include "config/swarm_config.hpp"
#include "trust/invite.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

struct JoinFlags {
  std::vector<std::string> words;  // of the invite
  std::string stage = "auto";
  std::string state;
  JoinSettings settings;
  bool prepares_only = false;
};

/// An invite as a line, and the description if it is at hand: the owner's own machine has it.
struct Pass {
  std::string line;
  trust::Invite invite;
  std::string description;  // signed; empty: it will be asked for
  fs::path owned;           // the swarm's folder; empty: it is not this machine's
};

/// The owner invites its own machine.
Result<Pass> pass_of_owner(const fs::path& folder) {
  BRIGADE_ASSIGN(const OwnedSwarm swarm, load_owned_swarm(folder));
  BRIGADE_ASSIGN(const config::SwarmConfig config, config_of(swarm.description, folder));
  Pass pass;
  pass.owned = folder;
  pass.invite.origin = swarm.description.origin;
  BRIGADE_ASSIGN(pass.invite.id, trust::make_invite_id());
  pass.invite.swarm_name = config.name;
  pass.invite.created_unix_s = now_unix_s();
  pass.invite.uses = 1;
  BRIGADE_ASSIGN(pass.line, trust::sign_invite(swarm.owner, pass.invite));
  BRIGADE_ASSIGN(pass.description, trust::sign_description(swarm.owner, swarm.description));
  return pass;
}

Result<Pass> read_pass(const JoinFlags& flags) {
  std::error_code ignored;
  if (flags.words.size() == 1 && fs::is_directory(flags.words.front(), ignored))
    return pass_of_owner(flags.words.front());
  Pass pass;
  pass.line = invite_text(flags.words);
  BRIGADE_ASSIGN(pass.invite, trust::read_invite(pass.line));
  return pass;
}

/// Ends this program: the daemon takes its place, its terminal and its Ctrl-C.
Error become_daemon(const fs::path& program, const fs::path& node_file) {
  // Nodes that share cores wait passively (docs/operations.md, "Several nodes on one machine").
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  ::setenv("GOMP_SPINCOUNT", "0", 0);
  std::string name = "brigaded";
  std::string option = "--config";
  std::string file = node_file.string();
  char* const arguments[] = {name.data(), option.data(), file.data(), nullptr};
  std::fflush(stdout);
  ::execv(program.c_str(), arguments);
  return make_error(ErrorCode::kIo, fmt::format("{}: cannot be started: {}", program.string(),
                                                std::strerror(errno)));
}

Result<> set_stage(const std::string& text, JoinSettings& settings) {
  if (text != "auto") settings.stage = static_cast<std::uint32_t>(std::stoul(text));
  return {};
}

std::string check_stage(const std::string& text) {
  const bool is_number =
      !text.empty() && text.size() < 5 && text.find_first_not_of("0123456789") == std::string::npos;
  return text == "auto" || is_number ? "" : text + ": must be auto, or a stage from 0";
}

std::string check_address(const std::string& text) {
  return config::is_address(text) ? "" : text + ": must be HOST:PORT";
}

Exit join(JoinFlags flags) {
  const auto pass = read_pass(flags);
  if (!pass) return fail(Exit::kFailed, pass.error());
  if (pass->invite.is_expired(now_unix_s()))
    std::fputs("note: this invite has expired: only a node that joined before can use it\n",
               stderr);
  const auto program = find_program("brigaded");
  if (!program) return fail(Exit::kFailed, program.error());
  if (const auto set = set_stage(flags.stage, flags.settings); !set)
    return fail(Exit::kUsage, set.error());
  const fs::path folder =
      flags.state.empty() ? node_folder(pass->invite) : fs::absolute(flags.state);
  const auto node = prepare_node(folder, pass->line, pass->invite, flags.settings);
  if (!node) return fail(Exit::kFailed, node.error());
  if (!pass->description.empty()) {
    const auto kept = write_file_atomically(node->swarm, pass->description);
    if (!kept) return fail(Exit::kFailed, kept.error());
    const auto linked = link_data(pass->owned, folder);
    if (!linked) return fail(Exit::kFailed, linked.error());
    const auto handed = hand_over_revocations(pass->owned, pass->invite.origin, folder);
    if (!handed) return fail(Exit::kFailed, handed.error());
  }
  fmt::print("swarm   {} ({})\n", pass->invite.swarm_name,
             trust::to_hex(trust::id_of(pass->invite.origin)).substr(0, 8));
  fmt::print("folder  {}\n", folder.string());
  if (flags.prepares_only) {
    fmt::print("start   brigaded --config {}\n", (folder / "node.toml").string());
    return Exit::kDone;
  }
  fmt::print(
      "stop    Ctrl-C; the same command goes on from the newest checkpoint\n"
      "see     brigade status\n\n");
  return fail(Exit::kFailed, become_daemon(*program, folder / "node.toml"));
}

}  // namespace

void add_join(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("join", "Take part in a swarm");
  const auto flags = std::make_shared<JoinFlags>();
  command
      ->add_option("INVITE", flags->words,
                   "the line from brigade invite; -: read it from stdin; or, on the owner's "
                   "machine, the folder that brigade swarm create made")
      ->required();
  command->add_option("--stage", flags->stage, "which part to host: auto, or a number from 0")
      ->type_name("N")
      ->check(CLI::Validator(check_stage, ""));
  command
      ->add_option("--state", flags->state,
                   fmt::format("folder of this node (default: one of the swarm's name in {})",
                               nodes_root().string()))
      ->type_name("DIR");
  command
      ->add_option("--listen", flags->settings.listen, "where it listens (default: 0.0.0.0:7070)")
      ->type_name("HOST:PORT")
      ->check(CLI::Validator(check_address, ""));
  command
      ->add_option("--announce", flags->settings.announce,
                   "where others reach it for sure: a public address, a forwarded port (default: a "
                   "member finds out)")
      ->type_name("HOST:PORT")
      ->check(CLI::Validator(check_address, ""));
  command
      ->add_option("--bootstrap", flags->settings.bootstrap,
                   "a node of the DHT, to look for members whose addresses have changed: any node "
                   "of any swarm; may be given again")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false)
      ->check(CLI::Validator(check_address, ""));
  command->add_option("--device", flags->settings.device, "what computes: auto, cpu or cuda:N")
      ->type_name("DEVICE");
  command->add_option("--threads", flags->settings.threads, "compute threads; 0: all cores")
      ->type_name("N");
  command->add_option("--log", flags->settings.log, "least level that is logged (default: info)")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  command->add_flag("--prepare", flags->prepares_only,
                    "write the folder and say how to start it, for a service");
  command->footer(
      "Does the rest by itself: makes a key, asks the nodes that the invite names for the\n"
      "swarm's description and checks its owner's signature, takes the stage that needs a\n"
      "node most, and trains until Ctrl-C. The same command again goes on where it was;\n"
      "who has been in finds the swarm again even if those nodes are gone.\n\n"
      "Examples:\n"
      "  brigade join brigade1-CtEBCiC…\n"
      "  brigade join - --device cuda:1 < invite.txt\n"
      "  brigade join my-swarm --announce 203.0.113.7:7070      # the owner, first");
  command->callback([flags, &chosen] { chosen = [flags] { return join(*flags); }; });
}

}  // namespace brigade::cli
