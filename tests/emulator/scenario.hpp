// A lab as a file:
//
//   nodes = "a b c"            10.77.0.1, 10.77.0.2, 10.77.0.3
//   seed = 7                   of loss, duplication and jitter
//   mtu = 1500
//   script = """               commands (command.hpp), in any order of time
//   link * * delay 25ms
//   at 12.5 link a b delay 50ms jitter 10ms rate 20mbit loss 0.1%
//   at 30 partition a b
//   at 40 heal a b
//   """
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tests/emulator/command.hpp"

namespace brigade::emulator {

struct Scenario {
  std::vector<std::string> nodes;
  std::uint64_t seed = 1;
  std::uint32_t mtu = 1500;
  std::vector<Command> script;
};

/// kBadInput names the file and, within the script, the line.
Result<Scenario> parse_scenario(const std::string& text, const std::string& origin);

}  // namespace brigade::emulator
