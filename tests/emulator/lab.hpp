// All nodes and the pipes between them: IPv4 packets that leave one node come out at the node whose
// address they bear, after what the pipe between the two does to them. Timed commands take effect
// when their time has come.
//
// Pure: packets and time come in, packets and answers go out; router.hpp gives it a kernel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "tests/emulator/command.hpp"
#include "tests/emulator/pipe.hpp"

namespace brigade::emulator {

inline constexpr std::size_t kMaxNodes = 64;
inline constexpr std::size_t kMaxPendingCommands = 100'000;

/// 10.77.0.1 for the first, and so on.
std::string address_of(std::size_t node);
std::uint32_t ipv4_of(std::size_t node);  // in host byte order

class Lab {
 public:
  struct Arrival {
    std::size_t node = 0;
    Packet packet;
  };

  Lab(std::vector<std::string> nodes, std::uint64_t seed, TimePoint start);

  /// Takes effect at once or at its time. The node names are checked here.
  Result<> submit(TimePoint now, const Command& command);
  void offer(TimePoint now, std::size_t from, Packet packet);
  std::optional<Arrival> poll(TimePoint now);
  TimePoint next_wakeup() const;

  const std::vector<std::string>& nodes() const { return nodes_; }
  /// "pair a>b packets 10 …": directions that have carried something, then what had no receiver.
  std::vector<std::string> counters() const;

 private:
  Pipe& pipe(std::size_t from, std::size_t to) { return pipes_[from * nodes_.size() + to]; }
  Result<std::vector<std::size_t>> match(const std::string& name) const;
  void apply(TimePoint now, const Command& command);
  void apply(TimePoint now, const Command& command, Pipe& pipe);
  void run_due_commands(TimePoint now);

  std::vector<std::string> nodes_;
  TimePoint start_;
  std::vector<Pipe> pipes_;  // from × to; a node's own to itself is never used
  std::multimap<TimePoint, Command> pending_;
  std::uint64_t strays_ = 0;  // for nobody here, or no IPv4
};

}  // namespace brigade::emulator
