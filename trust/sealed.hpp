// What the members of a swarm leave for each other where strangers can read it: the place, which
// tells nobody which swarm it is of, and the seal (AES-256-GCM, NIST SP 800-38D) that those alone
// open who hold an invite. A record shows its node's invite, so it must not lie about in the open.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::trust {

inline constexpr std::size_t kSealBytes =
    12 + 16;  // nonce and tag: so much longer is what is sealed

struct MeetingPoint {
  std::array<std::uint8_t, 20> bytes{};
  bool operator==(const MeetingPoint&) const = default;
};
MeetingPoint meeting_point_of(const SwarmOrigin& origin);

/// kIo if the system gives no randomness.
Result<std::string> seal(const SwarmOrigin& origin, std::string_view content);
/// kCorrupt: not sealed by anybody who knows this swarm, or changed since.
Result<std::string> unseal(const SwarmOrigin& origin, std::string_view sealed);

}  // namespace brigade::trust
