// The door: what a newcomer asks a member before it is one (docs/protocol.md, "The door").
//
// Enter: whoever shows an invite gets the swarm's description, some members to dial, and the stage
// that needs it most; whoever is revoked gets the revocation, so that it need not take anybody's
// word for it. Reach: the member dials the asker back and says whether it got through.
//
// Rules
// - A newcomer is sent to the stage with the fewest nodes, to the head where there is none alone: a
//   head needs the data, and a stranger has none.
// - A stage that was named to somebody counts as taken for kReserved: two who come at once do not
//   fill the same gap.
// - A reach is tried at the address that the question came from alone, so that nobody can be made
//   to dial a third; at most kMostReaches at once.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "daemon/members/notary.hpp"
#include "daemon/question.hpp"

namespace brigade::daemon {

class Door {
 public:
  static constexpr Duration kReserved = std::chrono::seconds{30};
  static constexpr std::size_t kMostRecords = 64;  // in one answer
  static constexpr std::size_t kMostReserved = 4096;

  struct Inside {
    std::vector<std::string> records;     // signed; members that can be dialled first
    std::vector<std::uint32_t> replicas;  // serving each stage
  };

  /// `gives_data`: whoever comes in may be a head.
  Door(std::string description, Notary& notary, bool gives_data = false)
      : description_(std::move(description)), notary_(notary), gives_data_(gives_data) {}

  Result<std::string> enter(TimePoint now, std::uint64_t now_unix_s, const Question& question,
                            const std::function<Inside()>& inside);

 private:
  struct Reservation {
    std::uint32_t stage;
    TimePoint until;
  };
  std::uint32_t neediest(TimePoint now, const NodeId& asker, std::vector<std::uint32_t> replicas);

  std::string description_;
  Notary& notary_;
  bool gives_data_;
  std::map<NodeId, Reservation> reserved_;
};

// Both ends of the messages, for who asks.
struct Entered {
  std::string description;
  std::vector<std::string> records;
  std::uint32_t stage = 0;
  std::string revocation;  // signed, not checked yet: what puts the asker out; else empty
};
std::string enter_question(const std::string& invite,
                           const std::optional<std::uint32_t>& stage = std::nullopt);
Result<Entered> read_entered(std::string_view bytes);

/// The port at which the asker listens. kProtocol.
Result<std::uint16_t> read_reach_question(std::string_view bytes);
std::string reach_question(std::uint16_t port);
struct Reached {
  std::string address;  // of the asker, as it is seen from there
  bool can_be_dialled = false;
};
std::string reach_answer(const Reached& reached);
Result<Reached> read_reached(std::string_view bytes);

}  // namespace brigade::daemon
