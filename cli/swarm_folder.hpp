// The folder of a swarm's owner: made by `brigade swarm create`, signed with by `brigade invite`.
//
//   owner.pem      the owner's private key, mode 0600: who has it is the owner
//   swarm.signed   the signed description; for everybody
//   revocations    whom the owner has put out
//   data/          links to the tokens that the swarm trains on, where the owner has them
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/swarm_config.hpp"
#include "trust/key.hpp"
#include "trust/revocation.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::cli {

/// The tokens that heads read.
struct OwnedData {
  std::vector<trust::TokenData> described;
  std::vector<std::filesystem::path> files;  // absolute; the same order
};

/// Makes a new owner and a new swarm in the folder `root`, mode 0700. It appears with both files in
/// it or not at all. kBadInput if it is there already, unless empty; kIo.
Result<trust::SwarmDescription> create_swarm(const std::filesystem::path& root,
                                             const std::string& swarm_toml,
                                             std::uint64_t now_unix_s, const OwnedData& data = {});

/// A description that its owner has signed: a file, or the one in a swarm's folder. Errors name the
/// file.
Result<trust::SwarmDescription> load_description(const std::filesystem::path& file_or_folder);

/// What it trains. The error says that it is signed and not understood; `origin` names it there.
Result<config::SwarmConfig> config_of(const trust::SwarmDescription& description,
                                      const std::filesystem::path& origin);

/// Those of the owner's folder; none of a file.
Result<trust::Revocations> load_owned_revocations(const std::filesystem::path& root,
                                                  const trust::SwarmOrigin& origin);
/// Has the owner's own node know them when it starts.
Result<> hand_over_revocations(const std::filesystem::path& root, const trust::SwarmOrigin& origin,
                               const std::filesystem::path& node_folder);

/// Links the owner's data into the folder of the owner's own node, where they are not there yet.
Result<> link_data(const std::filesystem::path& root, const std::filesystem::path& node_folder);

struct OwnedSwarm {
  trust::SigningKey owner;
  trust::SwarmDescription description;
};
/// What it takes to sign for a swarm: errors say what is missing, or that the key is another's.
Result<OwnedSwarm> load_owned_swarm(const std::filesystem::path& root);

}  // namespace brigade::cli
