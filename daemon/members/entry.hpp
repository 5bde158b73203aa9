// How a node gets into its swarm, before there is a stage or a link: it reads its invite, knocks at
// the nodes that the invite or its own book names until one lets it in, and learns what the swarm
// trains and where it is needed.
//
// In the state folder:
//   swarm.signed   the description, signed by the owner: checked each time it is read
//   members        the members that this node knew last
//   revocations    whom the owner has put out, as far as this node knows
//   stage          the stage that it hosts: chosen once, kept over restarts
// What of it is there need not be asked for. Blocks; whoever waits is told why.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/node_config.hpp"
#include "config/swarm_config.hpp"
#include "daemon/identity.hpp"
#include "daemon/members/book.hpp"
#include "trust/invite.hpp"
#include "trust/revocation.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::daemon {

struct Entry {
  trust::SwarmDescription description;
  std::string description_bytes;
  std::string invite;  // the signed statement
  config::SwarmConfig swarm;
  std::uint32_t stage = 0;
  std::vector<trust::Contact> doors;     // where members may be, by the invite and the book
  Book book;                             // what this node remembers
  std::vector<std::string> records;      // signed, of members to begin with
  std::vector<std::string> revocations;  // signed, that this node knows
};

/// Tells how it goes, one line each: only what is news.
using TellEntry = std::function<void(const std::string& line)>;

/// kBadInput: no sound invite, or a member refused it, in its words, or the swarm's owner has put
/// this node out; kCorrupt: a file of the state folder. Does not come back while nobody can be
/// reached and the description is not here.
Result<Entry> enter_swarm(const config::NodeConfig& node, const Identity& identity,
                          const TellEntry& tell);

/// For the next start: this node hosts `to`. What it has of `from` is kept for others (keeper.hpp).
Result<> change_stage(const config::NodeConfig& node, std::uint32_t from, std::uint32_t to);
/// What this node kept of a stage for others is its own now: it hosts the stage.
void own_what_was_kept(const config::NodeConfig& node, std::uint32_t stage);

/// Where copies of other stages are kept.
std::filesystem::path keeps_folder(const std::filesystem::path& state_dir);

/// Where the members' book is, and the revocations.
std::filesystem::path book_file(const config::NodeConfig& node);
std::filesystem::path revocations_file(const config::NodeConfig& node);

/// Why this node ends: kBadInput, and what to do.
Error put_out_by(const trust::Revocation& revocation);

}  // namespace brigade::daemon
