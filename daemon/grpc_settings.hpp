// What all ends of connections between nodes share: gRPC's arguments, its silence, its reasons.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <string>

#include "base/limits.hpp"

namespace brigade::daemon {

// What one stream may have on its way without an answer, until gRPC has probed the link: 16 MiB
// keep 1 Gbit/s and 130 ms full. A window of the connection stands above it, which HTTP/2 starts at
// 64 KiB and no setting raises; gRPC widens it with its probes of the bandwidth-delay product
// alone, to 4 MiB at once and then with what the link carries. Without them one part of a payload
// crosses in each round trip, however wide the stream's own window is
// (tests/unit/net/long_link_test.cpp).
inline constexpr int kWindowBytes = 16 * 1024 * 1024;
inline constexpr int kProbesBandwidth = 1;
inline constexpr int kHttp2FrameBytes = 256 * 1024;  // one part of a payload in one HTTP/2 frame
// gRPC's own limit stands above ours, so that a frame somewhat too long gets a reason in words.
inline constexpr int kMaxMessageBytes = static_cast<int>(8 * limits::kMaxFrameBytes);
// Streams have their own pings (Transport). These find connections whose stream is gone already.
inline constexpr int kKeepaliveMs = 30'000;
inline constexpr int kMinPingIntervalMs = 1'000;

/// Calls `set(name, value)` for the arguments that both ends share.
template <class Set>
void set_arguments(Set set) {
  set(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  set(GRPC_ARG_HTTP2_BDP_PROBE, kProbesBandwidth);
  set(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kHttp2FrameBytes);
  set(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, kMaxMessageBytes);
  set(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, kMaxMessageBytes);
  set(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  set(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  set(GRPC_ARG_ENABLE_RETRIES, 0);
  set(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // peers are not the web
}

/// gRPC reports each failed connection on stderr in its own words, several lines long. Everything
/// that matters reaches the node's log through the transport. GRPC_VERBOSITY brings them back.
void quiet_grpc();

/// gRPC nests reasons: "failed to connect to all addresses; last error: UNKNOWN: ipv4:…: Connection
/// refused". The innermost says it, as one printable line.
std::string innermost(const std::string& text);

std::string to_string(const grpc::ByteBuffer& buffer);

/// For a connection of its own: no state or pause shared with an earlier one.
grpc::ChannelArguments dial_arguments();

}  // namespace brigade::daemon
