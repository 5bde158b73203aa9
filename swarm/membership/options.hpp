// Everything that can be set on the membership of a node. The parser stays outside (config/).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/limits.hpp"
#include "base/time.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::swarm::membership {

struct Options {
  NodeId self;
  Incarnation incarnation{1};  // unix seconds when the node starts
  std::uint32_t stages = 1;    // P
  std::optional<StageIndex> stage;
  bool can_be_dialled = false;
  std::vector<std::string> addresses;
  std::uint64_t memory_bytes = 0;
  Duration pace{};
  std::uint64_t seed = 0;

  /// A round of rumours. Shorter: news travels faster; longer: fewer messages.
  Duration gossip_interval = std::chrono::seconds{1};
  std::uint32_t fanout = 3;  // peers a round
  Duration sync_interval = std::chrono::seconds{10};
  std::uint32_t summary_rounds = 5;  // summaries of other stages go along every so many rounds

  std::uint32_t wanted_links = 5;  // besides those that training needs
  std::uint32_t most_links = 24;   // of those, dialled by others included
  /// One link is exchanged for another: keeps the overlay random, and finds members that died
  /// together with all who had links with them.
  Duration refresh_interval = std::chrono::seconds{60};
  Duration dial_timeout = std::chrono::seconds{10};

  Duration silence = std::chrono::seconds{5};        // on a link, before it is probed
  Duration probe_timeout = std::chrono::seconds{2};  // for an answer, and for help from others
  std::uint32_t helpers = 3;                         // asked to reach who does not answer

  Duration first_pause = std::chrono::seconds{2};     // until one that vanished is dialled again,
  Duration longest_pause = std::chrono::seconds{15};  // at last, where four members share the work
  Duration remember = std::chrono::hours{24};         // who vanished

  std::uint32_t small_swarm = limits::kSmallSwarm;
};

}  // namespace brigade::swarm::membership
