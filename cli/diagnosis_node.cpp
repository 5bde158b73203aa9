// Checks of the machine, and of the node on it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/figures.hpp"
#include "cli/diagnosis.hpp"

namespace brigade::cli {

namespace {

constexpr std::uint64_t kClockSlackS = 300;  // clocks of honest machines differ by less
constexpr std::uint32_t kOthersMay = 0077;   // permission bits

using MaybeFinding = std::optional<Finding>;

std::string device_of(const NodeFacts& facts) {
  if (facts.status) return facts.status->device();
  return facts.node ? facts.node->device : "";
}

/// Auto takes a GPU where there is one.
bool uses_gpu(const NodeFacts& facts) {
  const std::string device = device_of(facts);
  return device.starts_with("cuda") || (device == "auto" && facts.machine.gpus.value_or(0) > 0);
}

/// "1 core", "2 cores".
std::string counted(std::uint32_t number, const char* what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

// ---- This machine ---------------------------------------------------------------------------

MaybeFinding judge_memory(const NodeFacts& facts) {
  const std::uint64_t free = facts.machine.free_memory_bytes;
  if (!facts.swarm.needs || free == 0 || uses_gpu(facts)) return std::nullopt;
  const std::uint64_t needed = facts.swarm.needs->memory_bytes;
  const std::uint64_t taken = facts.status ? facts.status->rss_bytes() : 0;
  const std::string text =
      fmt::format("{} free, the stage needs about {}{}", in_bytes(free), in_bytes(needed),
                  facts.status ? fmt::format(" and has {}", in_bytes(taken)) : std::string());
  const std::uint64_t missing = needed - std::min(needed, taken);
  if (free >= missing) return ok(text);
  const std::string remedy = fmt::format(
      "end other programs until {} are free (ps aux --sort=-rss | head shows the largest)",
      in_bytes(missing));
  return facts.status ? note(text, remedy) : bad(text, remedy);
}

MaybeFinding judge_disk(const NodeFacts& facts) {
  if (!facts.swarm.needs || !facts.folder.is_readable) return std::nullopt;
  const std::uint64_t one = facts.swarm.needs->checkpoint_bytes;
  // One is written beside those that are kept; a member keeps one of each stage beside it too.
  const std::uint32_t copies = facts.swarm.invite ? 2 : 0;
  const std::uint64_t all = one * (facts.swarm.config->run.keep_checkpoints + 1 + copies);
  const std::uint64_t missing = all - std::min(all, facts.folder.checkpoint_bytes);
  const std::string text =
      fmt::format("{} free at {}, checkpoints take {}", in_bytes(facts.folder.free_bytes),
                  facts.folder.path.string(), in_bytes(all));
  if (facts.folder.free_bytes >= missing) return ok(text);
  const std::string remedy = fmt::format("make room for {} there, or move {} to a larger disk",
                                         in_bytes(missing), facts.folder.path.string());
  return facts.folder.free_bytes < one ? bad(text, remedy) : note(text, remedy);
}

MaybeFinding judge_threads(const NodeFacts& facts) {
  if (!facts.node || uses_gpu(facts)) return std::nullopt;
  const std::uint32_t cores = facts.machine.cores;
  const std::uint32_t threads = facts.node->threads == 0 ? cores : facts.node->threads;
  const std::string text = counted(threads, "thread") + " on " + counted(cores, "core");
  if (threads > cores)
    return note(text + ": they take turns", to_set(facts, fmt::format("threads = {}", cores)));
  if (threads == cores) return ok(text);
  return note(text + ": the others rest, or are for other nodes", to_set(facts, "threads = 0"));
}

MaybeFinding judge_clock(const NodeFacts& facts) {
  const auto& invite = facts.swarm.invite;
  if (invite && facts.machine.now_unix_s + kClockSlackS < invite->created_unix_s)
    return note(fmt::format("it shows {}, and the invite was made at {}",
                            as_utc(facts.machine.now_unix_s), as_utc(invite->created_unix_s)),
                "timedatectl set-ntp true: a clock that is behind misjudges when invites end");
  if (!facts.machine.is_clock_synchronised)
    return note("not kept right by NTP", "timedatectl set-ntp true");
  return ok("kept right by NTP");
}

std::optional<std::uint32_t> number_of_gpu(std::string_view device) {
  constexpr std::string_view kPrefix = "cuda:";
  std::uint32_t number = 0;
  if (!device.starts_with(kPrefix)) return std::nullopt;
  std::from_chars(device.data() + kPrefix.size(), device.data() + device.size(), number);
  return number;
}

MaybeFinding judge_device(const NodeFacts& facts) {
  const std::string wanted = facts.node ? facts.node->device : "auto";
  const auto number = number_of_gpu(wanted);
  const std::uint32_t gpus = facts.machine.gpus.value_or(0);
  if (number && *number >= gpus) {
    const std::string there = !facts.machine.gpus ? "no NVIDIA driver is here (libcuda.so.1)"
                                                  : "the driver shows " + counted(gpus, "GPU");
    return bad(fmt::format("{} is named, but {}", wanted, there),
               to_set(facts, "device = \"auto\"") +
                   (gpus == 0 ? ", or install the driver (nvidia-smi must list the GPU)" : ""));
  }
  const bool computes = facts.status && !facts.status->device().starts_with("cuda");
  if (gpus > 0 && wanted == "cpu")
    return note("the CPU, though the driver shows " + counted(gpus, "GPU"),
                to_set(facts, "device = \"auto\""));
  if (gpus > 0 && computes)
    return note("the CPU: the GPU can't be used",
                to_set(facts, "device = \"cuda:0\"") + ": the start says what is missing");
  if (facts.status) return ok(facts.status->device());
  return ok(gpus > 0 && wanted != "cpu" ? wanted + ", a GPU" : "the CPU");
}

// ---- This node ------------------------------------------------------------------------------

MaybeFinding judge_settings(const NodeFacts& facts) {
  switch (facts.settings_fault) {
    case SettingsFault::kWrong:
      return bad(facts.settings_error,
                 "correct that setting (docs/configuration.md lists them all)");
    case SettingsFault::kForbidden:
      return bad(facts.settings_error, "sudo " + to_examine(facts));
    case SettingsFault::kMissing:
      return bad(fmt::format("there is no {}", facts.node_file.string()),
                 fmt::format("brigade join LINE --state {}, which makes it",
                             facts.node_file.parent_path().string()));
    case SettingsFault::kNone:
      break;
  }
  if (!facts.node)
    return note("which node.toml it was started with is not known",
                "brigade doctor --state DIR, with the folder of the node");
  return ok(facts.node_file.string());
}

MaybeFinding judge_key(const NodeFacts& facts) {
  if (!facts.node || !facts.folder.is_readable) return std::nullopt;
  if (!facts.folder.key_mode) return ok("made at the first start");
  if ((*facts.folder.key_mode & kOthersMay) == 0) return ok("its owner's alone");
  return bad(fmt::format("{} has mode {:04o}: others may read it", facts.node->identity.string(),
                         *facts.folder.key_mode),
             fmt::format("chmod 600 {}", facts.node->identity.string()));
}

std::string to_join_anew(const NodeFacts& facts) {
  return fmt::format("ask the swarm's owner for a new line, and: brigade join LINE --state {}",
                     facts.folder.path.string());
}

/// A node that is not to run, or not as it is.
MaybeFinding judge_rest(const NodeFacts& facts) {
  if (const auto& revocation = facts.swarm.revocation) {
    const bool is_node = std::holds_alternative<NodeId>(revocation->subject);
    return bad(trust::describe(*revocation),
               is_node ? fmt::format("ask the swarm's owner; if it was a mistake: rm {}, then {}",
                                     facts.node->identity.string(), to_start(facts))
                       : to_join_anew(facts));
  }
  if (facts.folder.has_left)
    return note("it has left its swarm, and does not start",
                fmt::format("brigade join LINE --state {}, if it is to come back",
                            facts.folder.path.string()));
  if (facts.folder.is_drained)
    return note("it does not run, and is drained",
                fmt::format("{}, then {}, if it is to work", to_start(facts), to_resume(facts)));
  return std::nullopt;
}

MaybeFinding judge_process(const NodeFacts& facts) {
  if (facts.status) return ok(fmt::format("runs as process {}", facts.status->pid()));
  if (facts.settings_fault != SettingsFault::kNone) return std::nullopt;  // said there
  if (is_hidden(facts.folder))
    return bad(fmt::format("{} is for {} alone", facts.folder.path.string(), facts.folder.owner),
               fmt::format("sudo -u {} {}", facts.folder.owner, to_examine(facts)));
  if (facts.is_socket_forbidden)
    return bad(fmt::format("{} is for another user alone", facts.socket),
               "sudo " + to_examine(facts));
  if (!facts.node)
    return bad(fmt::format("{}: nobody answers there", facts.socket),
               "brigade doctor --state DIR, with the folder of the node");
  if (!facts.folder.holder) {
    const auto rest = judge_rest(facts);
    return rest ? rest : bad("it does not run", to_start(facts));
  }
  return bad(
      fmt::format("process {} runs and does not answer at {}", *facts.folder.holder, facts.socket),
      fmt::format("wait if it has just begun, else kill {}, then {}", *facts.folder.holder,
                  to_start(facts)));
}

MaybeFinding judge_phase(const NodeFacts& facts) {
  if (!facts.status) return std::nullopt;
  const auto& status = *facts.status;
  if (status.phase() == "blocked" || !status.error().empty())
    return bad(status.error().empty() ? status.phase() : status.error(),
               "do what that says, then " + to_start(facts));
  const std::string text =
      fmt::format("{} at micro-batch {}", status.phase(), with_commas(status.position()));
  if (status.phase() == "drained")
    return note(text + ": takes no work", to_resume(facts) + ", if it is to work again");
  if (status.phase() != "gathering") return ok(text);
  return note(fmt::format("{}, waits: {}", text, status.waiting_for()),
              "brigade peers: who is there, and who is missing");
}

MaybeFinding judge_invite(const NodeFacts& facts) {
  if (!facts.node || facts.node->invite.empty() || !facts.folder.is_readable) return std::nullopt;
  const std::string remedy = to_join_anew(facts);
  if (!facts.swarm.invite) return bad(facts.swarm.invite_error, remedy);
  const trust::Invite& invite = *facts.swarm.invite;
  if (!invite.is_expired(facts.machine.now_unix_s)) {
    return ok(invite.expires_unix_s == 0 ? "does not end"
                                         : "good until " + as_utc(invite.expires_unix_s));
  }
  const std::string text = fmt::format("ended at {}", as_utc(invite.expires_unix_s));
  // Whom it met while it was good goes on with it; whoever comes later does not know it.
  const bool is_in = facts.status && std::ranges::any_of(facts.status->peers(), [](const auto& p) {
                       return p.is_linked();
                     });
  return is_in ? note(text + ": only those that know this node let it in", remedy)
               : bad(text, remedy);
}

MaybeFinding judge_description(const NodeFacts& facts) {
  if (!facts.node || !facts.folder.is_readable) return std::nullopt;
  if (!facts.swarm.error.empty()) {
    const bool is_asked_for = !facts.node->invite.empty();
    return bad(facts.swarm.error, is_asked_for
                                      ? fmt::format("rm {}, and start again: it is asked for",
                                                    facts.node->swarm.string())
                                      : "correct that setting");
  }
  if (!facts.swarm.config) return ok("not here yet: asked for at the first start");
  return ok(fmt::format("{}, {} parameters in {} stages", facts.swarm.config->name,
                        in_millions(count_parameters(*facts.swarm.config)),
                        facts.swarm.config->stages));
}

/// Of a head; others read none.
MaybeFinding judge_data(const NodeFacts& facts) {
  const bool is_head = facts.status ? facts.status->stage() == 0 : facts.swarm.stage == 0u;
  if (!is_head || !facts.swarm.config || !facts.folder.is_readable) return std::nullopt;
  const std::string file = facts.swarm.config->data.train;
  if (facts.swarm.has_data) return ok("at " + file);
  if (facts.swarm.names_data)
    return note("not here yet", "nothing: it is copied from a node that has it");
  const bool can_move = !facts.node->invite.empty() && facts.swarm.config->stages > 1;
  return bad(fmt::format("{} is not here, and a head reads it", file),
             std::string("put the token file there") +
                 (can_move ? ", or host another stage: brigade join LINE --stage 1" : ""));
}

constexpr const char* kMachine = "this machine";
constexpr const char* kNode = "this node";

constexpr Check kChecks[] = {
    {kMachine, "memory", judge_memory},
    {kMachine, "disk", judge_disk},
    {kMachine, "threads", judge_threads},
    {kMachine, "device", judge_device},
    {kMachine, "clock", judge_clock},
    {kNode, "settings", judge_settings},
    {kNode, "process", judge_process},
    {kNode, "phase", judge_phase},
    {kNode, "key", judge_key},
    {kNode, "invite", judge_invite},
    {kNode, "description", judge_description},
    {kNode, "data", judge_data},
};

}  // namespace

std::span<const Check> node_checks() {
  return kChecks;
}

}  // namespace brigade::cli
