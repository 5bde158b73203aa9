// Revocations: the swarm's owner puts a node out, or an invite and with it every node that shows
// it. For good: nothing takes one back. Any node can check one, offline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "trust/digest.hpp"
#include "trust/invite.hpp"
#include "trust/key.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::trust {

using Revoked = std::variant<NodeId, InviteId>;

struct Revocation {
  SwarmOrigin origin;
  Revoked subject;
  std::uint64_t revoked_unix_s = 0;  // for people: it holds whatever a clock says
  std::string reason;                // for people: UTF-8 without control characters; may be empty
  bool operator==(const Revocation&) const = default;
};

/// "the swarm's owner has revoked node 1234abcd: REASON".
std::string describe(const Revocation& revocation);

/// Signed bytes. `owner` must be the key of the revocation's origin. kLimit, with the bounds, where
/// the reason or the time passes one.
Result<std::string> sign_revocation(const SigningKey& owner, const Revocation& revocation);

/// kCorrupt: not what the owner of this swarm has signed. kBadInput: it is, and makes no sense to
/// this Brigade.
Result<Revocation> read_revocation(std::string_view bytes, const SwarmOrigin& origin);

/// What somebody knows of them: one of each subject, the first that came.
/// Bound: limits::kMaxRevocations. Threading: none.
class Revocations {
 public:
  explicit Revocations(const SwarmOrigin& origin) : origin_(origin) {}

  struct Entry {
    Revocation revocation;
    std::string bytes;  // signed
  };
  /// Null: its subject was revoked before. Errors as of read_revocation(); kLimit: there is no
  /// room.
  Result<const Entry*> add(std::string_view bytes);
  /// Null: it is not revoked.
  const Entry* of(const Revoked& subject) const;
  /// What puts a node that shows this invite out.
  const Entry* of(const NodeId& node, const InviteId& invite) const;
  const std::map<Revoked, Entry>& all() const { return all_; }
  /// SHA-256 over all subjects: equal where the same ones are known.
  Sha256 digest() const;

 private:
  SwarmOrigin origin_;
  std::map<Revoked, Entry> all_;
};

/// Its name, in the owner's folder and in every node's.
inline constexpr const char* kRevocationsFile = "revocations";
/// None where there is no file. kCorrupt, naming the file: it holds something else.
Result<Revocations> load_revocations(const std::filesystem::path& file, const SwarmOrigin& origin);
/// Replaces the file whole.
Result<> save_revocations(const std::filesystem::path& file, const Revocations& revocations);

}  // namespace brigade::trust
