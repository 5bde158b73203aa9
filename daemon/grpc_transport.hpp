// The transport over gRPC streams and mutual TLS: one link a peer, dialled by either end or both.
//
// - A peer with an address is dialled whenever there is no link, with growing, jittered pauses; one
//   without an address dials us. When both dial at once, one link stays (handshake.hpp).
// - A link is up once both Hellos were accepted. It is down when its stream ends, breaks a rule, or
//   brings nothing for `silence_limit` although it was pinged: a stopped process and a cut cable
//   look alike. Time in which this process itself was stopped does not count.
// - When one link replaces another, link-down and link-up are told: what was on its way is lost.
// Threading: start(), send(), links(), stop() on the strand (or while nothing else runs on it);
// gRPC's threads parse, check and post. stop() blocks for a few hundred milliseconds at most,
// kStopLimit if a peer does not answer.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "daemon/frame.hpp"
#include "daemon/identity.hpp"
#include "daemon/transport.hpp"

namespace brigade::daemon {

struct TransportOptions {
  Identity identity;
  SwarmId swarm{};
  SwarmId settings{};
  StageIndex stage;
  std::string software;            // told to peers: "brigaded 0.1.0"
  std::string listen;              // host:port; empty: does not listen, dials only
  std::vector<PeerAddress> peers;  // pinned; in a swarm without members nobody else is talked to
  std::uint64_t instance = 0;      // of this start, for Hello
  std::uint64_t seed = 0;          // jitter of the pauses
  Codec codec = Codec::kFp32;      // wished for by the swarm
  std::vector<Codec> decodes{stage::kCodecs.begin(), stage::kCodecs.end()};  // told to peers

  std::chrono::milliseconds ping_interval{1'000};
  std::chrono::milliseconds silence_limit{15'000};    // then the link is dead
  std::chrono::milliseconds handshake_limit{10'000};  // from the dial to the peer's Hello
  std::chrono::milliseconds first_redial_pause{100};  // doubling up to
  std::chrono::milliseconds longest_redial_pause{15'000};
  std::size_t queue_bytes = limits::kMaxLinkQueueBytes;  // waiting to travel, a link
};

std::unique_ptr<Transport> make_grpc_transport(TransportOptions options,
                                               boost::asio::any_io_executor executor,
                                               TransportCallbacks callbacks);

}  // namespace brigade::daemon
