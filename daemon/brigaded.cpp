// brigaded: one node of a swarm. Flags, configuration, then daemon/daemon.hpp.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>
#include "base/result.hpp"
#include "config/node_config.hpp"
#include "config/swarm_config.hpp"
#include "daemon/daemon.hpp"
#include "daemon/identity.hpp"
#include "daemon/log.hpp"
#include "daemon/members/entry.hpp"
#include "daemon/settings.hpp"
#include "daemon/state_dir.hpp"
#include "daemon/supervisor.hpp"
#include "daemon/token_source.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::daemon {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr std::size_t kShortId = 8;
// Whatever a daemon writes is its owner's alone.
constexpr mode_t kPrivate = 0077;

struct Flags {
  std::filesystem::path config;
  std::vector<std::filesystem::path> resume_from;
  std::optional<int> parent_fd;
  bool exit_when_over = false;
  bool check_only = false;
  bool show_id = false;
};

int fail(const Error& error, int code) {
  std::fprintf(stderr, "brigaded: %s\n", error.message.c_str());
  return code;
}

/// A stage in a long computation can't be waited for when a stop has an end.
void exit_at_alarm(int) {
  static constexpr char kText[] = "brigaded: still busy past the stop deadline: leaving\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  ::_exit(kFailed);
}

void arm_last_resort(Duration after) {
  std::signal(SIGALRM, exit_at_alarm);
  ::alarm(static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(after).count()));
}

StageLibrary stage_library() {
  return {.make = &stage::Stage::make,
          .cost =
              [](const config::SwarmConfig& swarm) {
                return stage::model_cost(to_model_shape(swarm.model), swarm.run.context);
              },
          .estimate =
              [](const stage::StageOptions& options) {
                return stage::estimate_memory(options.model, options.slice, options.batch,
                                              options.tokens, options.method, options.recompute);
              },
          .checkpoints = {.verify = &stage::verify_checkpoint, .write = &stage::write_snapshot}};
}

/// What this node trains, and as whose peer.
struct Part {
  config::SwarmConfig swarm;
  std::optional<Entry> entry;
};

/// Everything that a start would refuse, without touching the state folder or the network.
Result<> check_only(const config::NodeConfig& node, const Part& part) {
  const config::SwarmConfig& swarm = part.swarm;
  const StageLibrary library = stage_library();
  BRIGADE_ASSIGN(const stage::Slice slice, to_slice(swarm, node.stage, library.cost(swarm)));
  BRIGADE_TRY(to_peers(swarm, node, NodeId{}));
  std::error_code ignored;
  const bool is_copied = part.entry && !part.entry->description.data.empty() &&
                         !std::filesystem::exists(swarm.data.train, ignored);
  if (slice.is_head() && !is_copied) BRIGADE_TRY(open_token_source(to_token_source_options(swarm)));
  std::printf("ok: stage %u of %u, blocks %u to %u, %zu peers\n", slice.stage, slice.stages,
              slice.first_block, slice.first_block + slice.blocks - 1, node.peers.size());
  return {};
}

int show_id(const config::NodeConfig& node) {
  std::error_code failure;
  std::filesystem::create_directories(node.identity.parent_path(), failure);
  const auto identity = load_or_create_identity(node.identity);
  if (identity.has_error()) return fail(identity.error(), kFailed);
  std::printf("%s\n", to_hex(identity->id).c_str());
  return kDone;
}

/// Asks its way into the swarm of its invite, or reads the file that says all. Sets the stage where
/// the node leaves that to the swarm.
Result<Part> find_part(config::NodeConfig& node) {
  if (node.invite.empty()) {
    BRIGADE_ASSIGN(config::SwarmConfig swarm, config::load_swarm_config(node.swarm));
    return Part{std::move(swarm), std::nullopt};
  }
  std::error_code failure;
  std::filesystem::create_directories(node.identity.parent_path(), failure);
  BRIGADE_ASSIGN(const Identity identity, load_or_create_identity(node.identity));
  BRIGADE_ASSIGN(Entry entry, enter_swarm(node, identity, [](const std::string& line) {
                   spdlog::info("entering: {}", line);
                 }));
  node.stage = entry.stage;
  spdlog::info("entered swarm={} id={} stage={}/{} known_members={}", entry.swarm.name,
               trust::to_hex(trust::id_of(entry.description.origin)).substr(0, kShortId),
               entry.stage, entry.swarm.stages, entry.records.size());
  config::SwarmConfig swarm = entry.swarm;
  return Part{std::move(swarm), std::move(entry)};
}

struct Served {
  int code = kDone;
  bool has_started = false;
  std::optional<StageIndex> moves_to;  // made anew there: another stage, or its own when it resumes
};

Served serve(const Flags& flags, config::NodeConfig node, Part part, bool may_move) {
  std::error_code ignored;
  auto daemon = Daemon::make({.node = std::move(node),
                              .swarm = std::move(part.swarm),
                              .node_file = std::filesystem::absolute(flags.config, ignored),
                              .entry = std::move(part.entry),
                              .may_move = may_move,
                              .resume_from = flags.resume_from,
                              .exit_when_over = flags.exit_when_over,
                              .parent_fd = flags.parent_fd,
                              .on_stopping = arm_last_resort},
                             stage_library());
  if (daemon.has_error()) return {fail(daemon.error(), kFailed), false, std::nullopt};
  const auto served = (*daemon)->run();
  if (served.has_error()) return {fail(served.error(), kFailed), true, std::nullopt};
  return {kDone, true, (*daemon)->moves_to()};
}

int run(const Flags& flags) {
  if (flags.config.empty())
    return fail({ErrorCode::kBadInput, "--config FILE is missing: see brigaded --help"},
                kWrongUsage);
  auto node = config::load_node_config(flags.config);
  if (node.has_error()) return fail(node.error(), kWrongUsage);
  if (flags.show_id) return show_id(*node);
  if (auto log = start_log(node->log); log.has_error()) return fail(log.error(), kWrongUsage);
  const bool is_member = !node->invite.empty();
  if (is_member && !flags.check_only && StateDir::has_left(node->state_dir)) {
    spdlog::info("the node in {} has left its swarm: brigade join with its invite brings it back",
                 node->state_dir.string());
    Supervisor().ready();  // to systemd an end before that is a failure, which it would repair
    return kDone;
  }
  bool may_move = node->chooses_stage;
  std::optional<std::uint32_t> came_from;  // a stage that this node has left for another one
  while (true) {
    auto part = find_part(*node);
    if (part.has_error()) return fail(part.error(), is_member ? kFailed : kWrongUsage);
    if (flags.check_only) {
      const auto checked = check_only(*node, *part);
      return checked.has_error() ? fail(checked.error(), kFailed) : kDone;
    }
    if (is_member) own_what_was_kept(*node, node->stage);
    const Served served = serve(flags, *node, std::move(*part), may_move);
    // A stage that can't be hosted here must not take one node after the other.
    const bool goes_back = !served.has_started && came_from;
    if (!served.moves_to && !goes_back) return served.code;
    const std::uint32_t to = goes_back ? *came_from : served.moves_to->value();
    if (to == node->stage) continue;  // it resumes
    if (goes_back) spdlog::warn("stage {} can't be hosted here: back to stage {}", node->stage, to);
    may_move = may_move && !goes_back;
    came_from = goes_back ? std::nullopt : std::optional(node->stage);
    const auto changed = change_stage(*node, node->stage, to);
    if (changed.has_error()) return fail(changed.error(), kFailed);
  }
}

void describe(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", "brigaded " BRIGADE_VERSION);
  app.add_option("--config", flags.config, "node.toml: this machine's part in a swarm")
      ->type_name("FILE");
  app.add_option("--resume-from", flags.resume_from,
                 "more folders with checkpoints to start from: the state folders of the run's "
                 "other nodes, when the number of stages has changed")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("--parent-fd", flags.parent_fd,
                 "number of an inherited file descriptor; when its other end closes, drain, save "
                 "and exit")
      ->type_name("FD");
  app.add_flag("--exit-when-over", flags.exit_when_over,
               "exit once all steps are done and saved, instead of staying to serve status");
  app.add_flag("--check", flags.check_only, "check configuration and data, then exit");
  app.add_flag("--show-id", flags.show_id,
               "print this node's id (its key is made if missing), then exit");
}

}  // namespace
}  // namespace brigade::daemon

int main(int argc, char** argv) {
  ::umask(brigade::daemon::kPrivate);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);  // a closed terminal ends nothing: --parent-fd does
  brigade::daemon::Flags flags;
  CLI::App app{"brigaded: hosts one stage of a model and trains it with its peers.", "brigaded"};
  brigade::daemon::describe(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return brigade::daemon::fail(
        {brigade::ErrorCode::kBadInput, std::string(error.what()) + ": see brigaded --help"},
        brigade::daemon::kWrongUsage);
  }
  return brigade::daemon::run(flags);
}
