// Frames: what travels on a link, checked to the last field before anybody else sees it.
//
// A frame is u32 (little endian) header length, header (brigade.v1.FrameHeader), bytes of a
// payload. The first frame of a forward or backward carries its header and the first part of its
// payload, Continuation frames carry the rest; a receiver has at most one unfinished payload a
// direction. docs/protocol.md says every rule; parse_frame and PayloadAssembler keep them.
//
// Everything here is pure: no sockets, no threads, no state beyond the assembler. A peer's nonsense
// is a kProtocol error with the reason that both ends log; never an exception, never a CHECK.
// Cost: one copy of a payload on arrival (into aligned memory, checksum computed in the same pass),
// none on the way out.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "daemon/payload.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

inline constexpr std::uint32_t kProtocolVersion = 1;
/// What every node must accept in one frame: a full header and a useful part of a payload.
inline constexpr std::uint64_t kMinFrameBytes = 2 * limits::kMaxFrameHeaderBytes;

using SwarmId = std::array<std::uint8_t, 32>;

struct Hello {
  std::uint32_t protocol = kProtocolVersion;
  SwarmId swarm{};     // of a swarm with an owner: its id; else as `settings`
  SwarmId settings{};  // SHA-256 of the canonical swarm.toml; zero: as `swarm`
  StageIndex stage;
  std::string software;  // for people
  std::uint64_t max_frame_bytes = limits::kMaxFrameBytes;
  std::vector<Codec> codecs{stage::kCodecs.begin(), stage::kCodecs.end()};  // that it decodes
  std::string record;          // in a swarm with an owner: its signed record
  std::uint64_t instance = 0;  // of this start
};

struct Goodbye {
  std::string reason;  // one printable line
};

struct Continuation {
  swarm::Direction direction = swarm::Direction::kForward;
};

struct Ping {
  std::uint64_t token = 0;
};
struct Pong {
  std::uint64_t token = 0;
};

/// A message of membership, in its own bytes (daemon/members/gossip.hpp).
struct Gossip {
  std::string bytes;
};

/// From a relay: `caller` waits in this tunnel.
struct RelayCall {
  std::uint64_t tunnel = 0;
  NodeId caller;
};

using FrameBody =
    std::variant<swarm::Message, Hello, Goodbye, Continuation, Ping, Pong, Gossip, RelayCall>;

/// What a header says about the payload that begins in its frame.
struct PayloadPlan {
  PayloadShape shape;
  std::uint64_t bytes = 0;  // == shape.total_bytes()
  std::uint64_t checksum = 0;
};

struct ParsedHeader {
  FrameBody body;
  std::optional<PayloadPlan> plan;
};

struct ParsedFrame {
  FrameBody body;
  std::optional<PayloadPlan> plan;
  std::vector<grpc::Slice> part;  // bytes of a payload, as they came: references, no copy
  std::uint64_t part_bytes = 0;
};

/// Checks everything that a header alone can get wrong.
Result<ParsedHeader> parse_header(std::span<const std::byte> header);

/// Checks a frame: bounds, header, and that payload bytes come only where they may.
Result<ParsedFrame> parse_frame(std::vector<grpc::Slice> slices);
Result<ParsedFrame> parse_frame(const grpc::ByteBuffer& frame);

/// The length word and the header. `payload` where the message carries one: CHECKed.
grpc::Slice encode_header(const FrameBody& body, const PayloadData* payload);

/// A whole frame, for messages without a payload and for tests.
grpc::ByteBuffer encode_frame(const FrameBody& body);

/// What a peer wrote, fit for a log: printable ASCII, at most limits::kMaxGoodbyeBytes.
std::string printable_line(std::string_view text);

/// Puts the parts of one payload together.
class PayloadAssembler {
 public:
  PayloadAssembler();
  ~PayloadAssembler();
  PayloadAssembler(PayloadAssembler&&) noexcept;
  PayloadAssembler& operator=(PayloadAssembler&&) noexcept;

  bool is_open() const;
  /// kProtocol if one is open already; kLimit if there is no memory for it.
  Result<> begin(const PayloadPlan& plan);
  /// The payload once its last byte is there; kProtocol if there are too many bytes or the checksum
  /// is wrong.
  Result<std::optional<PayloadData>> add(const std::vector<grpc::Slice>& part);

 private:
  class Open;
  std::unique_ptr<Open> open_;
};

}  // namespace brigade::daemon
