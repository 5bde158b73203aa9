// What brigade doctor looks at: gathered here, judged by diagnosis.hpp. Nothing is changed, locked
// or written by looking.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "brigade/control/v1/control.pb.h"
#include "cli/run_cost.hpp"
#include "cli/tcp_probe.hpp"
#include "config/node_config.hpp"
#include "config/swarm_config.hpp"
#include "trust/invite.hpp"
#include "trust/revocation.hpp"

namespace brigade::cli {

struct MachineFacts {
  std::uint64_t now_unix_s = 0;
  bool is_clock_synchronised = true;
  std::uint32_t cores = 1;
  std::uint64_t free_memory_bytes = 0;
  std::optional<std::uint32_t> gpus;  // that the NVIDIA driver shows; none: there is no driver
  std::string lan_address;            // of the way to the internet; empty: there is none
};

/// The state folder.
struct FolderFacts {
  std::filesystem::path path;
  std::string owner;         // a user's name
  bool is_readable = false;  // by who asks; else nothing below is known
  std::uint64_t free_bytes = 0;
  std::uint64_t checkpoint_bytes = 0;     // that are there, of other stages too
  std::optional<std::uint32_t> key_mode;  // permission bits; none: no key yet
  std::optional<pid_t> holder;            // the brigaded that runs in it
  bool has_members = false;               // it was a member once
  bool has_left = false;                  // for good: it does not start
  bool is_drained = false;
};

/// Another user's: who asks knows of it only that it is there.
inline bool is_hidden(const FolderFacts& folder) {
  return !folder.is_readable && !folder.owner.empty();
}

/// What it is to train, as far as the folder tells.
struct SwarmFacts {
  std::optional<trust::Invite> invite;
  std::string invite_error;                   // why a node with an invite has none
  std::optional<config::SwarmConfig> config;  // none: not here yet, or see error
  std::string error;
  std::optional<trust::Revocation> revocation;  // that puts this node or its invite out
  bool names_data = false;                      // by checksum: heads copy it
  bool has_data = false;                        // the training tokens are here
  std::optional<std::uint32_t> stage;           // none: not chosen yet
  std::optional<StageNeeds> needs;  // of that stage, else of the one that needs most memory
};

struct ProbedAddress {
  std::string address;
  Probe probe = Probe::kNotTried;
};

enum class SettingsFault { kNone, kMissing, kForbidden, kWrong };

struct NodeFacts {
  std::filesystem::path node_file;         // empty: not known
  std::optional<config::NodeConfig> node;  // none: there is a fault, or no file is known
  SettingsFault settings_fault = SettingsFault::kNone;
  std::string settings_error;
  std::optional<brigade::control::v1::NodeStatus> status;  // none: it does not answer
  std::string socket;
  bool is_socket_forbidden = false;  // to who asks
  std::string id;                    // 64 hex digits; empty: not known
  MachineFacts machine;
  FolderFacts folder;
  SwarmFacts swarm;
  ProbedAddress own_port;            // on this machine
  ProbedAddress announced;           // of a node that runs
  std::vector<ProbedAddress> doors;  // that the invite names, of one that does not
};

/// Where to begin: one of both may be empty.
struct NodePlace {
  std::string socket;
  std::filesystem::path node_file;
};

/// Takes some seconds where addresses do not answer.
NodeFacts gather_facts(const NodePlace& place);

}  // namespace brigade::cli
