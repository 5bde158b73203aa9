// The lines that change a lab while it runs, from its scenario, from stdin or from a socket:
//
//   [at SECONDS] link A B KEY VALUE…     both directions between A and B; A>B: that one alone
//   [at SECONDS] partition A B           nothing gets through, what is on its way is lost
//   [at SECONDS] heal A B
//   counters                             one line a direction that has carried something
//   nodes                                one line a node: name, address, namespace
//   quit                                 end the lab (stdin and sockets only)
//
// `*` is every node. Seconds count from the start of the lab. Keys of `link`: delay TIME ·
// jitter none|uniform|TIME (TIME: deviation of a normal distribution) · hold TIME · rate none|RATE
// · burst BYTES · queue BYTES · loss RATIO · duplicate RATIO · reorder on|off. What is not named
// stays as it is. TIME: 20ms, 0.5s, 300us · RATE: 20mbit, 500kbit, 1gbit · BYTES: 1500, 64kB, 1MB ·
// RATIO: 0.1% or 0.001.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "tests/emulator/pipe.hpp"

namespace brigade::emulator {

struct Command {
  enum class Kind : std::uint8_t { kLink, kPartition, kHeal, kCounters, kNodes, kQuit };

  std::optional<Duration> at;
  Kind kind = Kind::kLink;
  std::string from;  // a node's name or "*"
  std::string to;
  bool is_one_way = false;
  std::vector<std::string> settings;  // kLink: KEY VALUE…, found to be good
};

/// kBadInput says which word is wrong and what it may be.
Result<Command> parse_command(std::string_view line);

/// Applies KEY VALUE… to a shape.
Result<> change(Shape& shape, const std::vector<std::string>& settings);

/// Nothing but blanks, or a comment after `#`.
bool is_blank(std::string_view line);

}  // namespace brigade::emulator
