// A question that somebody asks without being linked: one message, one answer
// (docs/protocol.md, "The door").
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace brigade::daemon {

enum class Asks : std::uint8_t {
  kEnter,        // "may I join, and what is this swarm?"
  kReach,        // "can I be dialled?"
  kCheckpoints,  // "what do you have of our stage?"
  kPiece,        // "give me a part of it"
  kData,         // "give me a part of the data that heads read"
};

/// Answered once; one that is dropped unanswered is answered by its destruction.
struct Question {
  NodeId asker;      // whose key the connection has proved
  std::string host;  // where it comes from
  Asks kind = Asks::kEnter;
  std::string bytes;
  std::function<void(Result<std::string>)> answer;  // from any thread; the error is told
};

inline constexpr std::size_t kMaxQuestionBytes = 64 * 1024;

}  // namespace brigade::daemon
