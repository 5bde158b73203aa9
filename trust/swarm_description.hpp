// What a swarm is: its owner's key, and what it trains, signed.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "trust/digest.hpp"
#include "trust/key.hpp"

namespace brigade::trust {

/// SHA-256 of the owner's public key and the nonce: whoever has it can tell the owner's statements
/// from all others, and nobody else can make a swarm of the same id.
struct SwarmId {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const SwarmId&) const = default;
};
std::string to_hex(const SwarmId& id);

/// Which swarm a statement is about.
struct SwarmOrigin {
  PublicKey owner;
  std::array<std::uint8_t, 16> nonce{};  // one owner may have several swarms
  bool operator==(const SwarmOrigin&) const = default;
};
SwarmId id_of(const SwarmOrigin& origin);
/// A new one of this owner. kIo if the system gives no randomness.
Result<SwarmOrigin> make_origin(const PublicKey& owner);

/// A file of tokens that heads read.
struct TokenData {
  std::string manifest;  // JSON: what lies beside the file (stage_runtime/data/token_file.hpp)
  Sha256 sha256{};       // of the file
  bool operator==(const TokenData&) const = default;
};

struct SwarmDescription {
  SwarmOrigin origin;
  std::uint64_t revision = 1;  // from 1; the highest one holds
  std::uint64_t created_unix_s = 0;
  std::string swarm_toml;
  std::vector<TokenData> data{};  // training, then validation; empty: heads bring their own
  bool operator==(const SwarmDescription&) const = default;
};

/// Signed bytes, as they are kept and sent. `owner` must be the key of the description's origin.
/// kCorrupt, with what is wrong, for what read_description() would refuse.
Result<std::string> sign_description(const SigningKey& owner, const SwarmDescription& description);

/// kCorrupt, with what is wrong: too long, no statement, not signed by the owner that it names, or
/// beyond bounds.
Result<SwarmDescription> read_description(std::string_view bytes);

}  // namespace brigade::trust
