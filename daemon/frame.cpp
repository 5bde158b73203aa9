#include "daemon/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "daemon/wire.hpp"

namespace brigade::daemon {

namespace {

constexpr std::size_t kLengthBytes = 4;

Error protocol_error(std::string text) {
  return make_error(ErrorCode::kProtocol, std::move(text));
}

std::uint32_t read_length(const std::array<std::byte, kLengthBytes>& bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
  }
  return length;
}

/// Copies the first `out.size()` bytes of `slices` and takes them off.
void take_front(std::vector<grpc::Slice>& slices, std::span<std::byte> out) {
  std::size_t done = 0;
  std::size_t used = 0;  // slices wholly consumed
  while (done < out.size()) {
    grpc::Slice& slice = slices[used];
    const std::size_t step = std::min(slice.size(), out.size() - done);
    std::memcpy(out.data() + done, slice.begin(), step);
    done += step;
    if (step == slice.size()) {
      ++used;
    } else {
      slice = slice.sub(step, slice.size());
    }
  }
  slices.erase(slices.begin(), slices.begin() + static_cast<std::ptrdiff_t>(used));
}

Result<> check_part(const ParsedHeader& header, std::uint64_t part_bytes) {
  if (std::holds_alternative<Continuation>(header.body)) {
    if (part_bytes == 0) return protocol_error("a continuation without bytes");
    return {};
  }
  const std::uint64_t most = header.plan ? header.plan->bytes : 0;
  if (part_bytes > most) {
    return protocol_error(
        fmt::format("{} payload bytes in a frame whose header states {}", part_bytes, most));
  }
  return {};
}

}  // namespace

Result<ParsedFrame> parse_frame(std::vector<grpc::Slice> slices) {
  std::uint64_t size = 0;
  for (const grpc::Slice& slice : slices) size += slice.size();
  if (size > limits::kMaxFrameBytes) {
    return protocol_error(
        fmt::format("a frame of {} bytes, at most {} are allowed", size, limits::kMaxFrameBytes));
  }
  if (size < kLengthBytes) {
    return protocol_error(fmt::format("a frame of {} bytes, too short for its length", size));
  }
  std::array<std::byte, kLengthBytes> prefix;
  take_front(slices, prefix);
  const std::uint32_t length = read_length(prefix);
  if (length > limits::kMaxFrameHeaderBytes) {
    return protocol_error(fmt::format("a frame header of {} bytes, at most {} are allowed", length,
                                      limits::kMaxFrameHeaderBytes));
  }
  if (length > size - kLengthBytes) {
    return protocol_error(fmt::format("a truncated frame: its header should have {} bytes, {} came",
                                      length, size - kLengthBytes));
  }
  std::vector<std::byte> bytes(length);
  take_front(slices, bytes);
  BRIGADE_ASSIGN(ParsedHeader header, parse_header(bytes));
  const std::uint64_t part_bytes = size - kLengthBytes - length;
  BRIGADE_TRY(check_part(header, part_bytes));
  return ParsedFrame{std::move(header.body), header.plan, std::move(slices), part_bytes};
}

Result<ParsedFrame> parse_frame(const grpc::ByteBuffer& frame) {
  std::vector<grpc::Slice> slices;
  if (!frame.Dump(&slices).ok()) return protocol_error("a frame that cannot be read");
  return parse_frame(std::move(slices));
}

Result<ParsedHeader> parse_header(std::span<const std::byte> header) {
  wire::FrameHeader message;
  if (!message.ParseFromArray(header.data(), static_cast<int>(header.size()))) {
    return protocol_error("a frame header that is no FrameHeader");
  }
  return from_wire(message);
}

grpc::Slice encode_header(const FrameBody& body, const PayloadData* payload) {
  const wire::FrameHeader header = to_wire(body, payload);
  const std::size_t length = header.ByteSizeLong();
  BRIGADE_CHECK(length <= limits::kMaxFrameHeaderBytes, "a frame header of ours is too long");
  std::string bytes(kLengthBytes + length, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    bytes[i] = static_cast<char>((length >> (8 * i)) & 0xff);
  }
  header.SerializeWithCachedSizesToArray(
      reinterpret_cast<std::uint8_t*>(bytes.data() + kLengthBytes));
  return grpc::Slice(bytes);
}

grpc::ByteBuffer encode_frame(const FrameBody& body) {
  const grpc::Slice header = encode_header(body, nullptr);
  return grpc::ByteBuffer(&header, 1);
}

std::string printable_line(std::string_view text) {
  std::string line(text.substr(0, limits::kMaxGoodbyeBytes));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

class PayloadAssembler::Open {
 public:
  Open(const PayloadPlan& stated, PayloadBuffer memory) : plan(stated), buffer(std::move(memory)) {}

  PayloadPlan plan;
  PayloadBuffer buffer;
  std::uint64_t filled = 0;
  PayloadHash hash;
};

PayloadAssembler::PayloadAssembler() = default;
PayloadAssembler::~PayloadAssembler() = default;
PayloadAssembler::PayloadAssembler(PayloadAssembler&&) noexcept = default;
PayloadAssembler& PayloadAssembler::operator=(PayloadAssembler&&) noexcept = default;

bool PayloadAssembler::is_open() const {
  return open_ != nullptr;
}

Result<> PayloadAssembler::begin(const PayloadPlan& plan) {
  if (open_) return protocol_error("a payload that begins before the one before it has ended");
  PayloadBuffer buffer(plan.bytes);
  if (!buffer.is_valid()) {
    return make_error(ErrorCode::kLimit,
                      fmt::format("no memory for a payload of {} bytes", plan.bytes));
  }
  open_ = std::make_unique<Open>(plan, std::move(buffer));
  return {};
}

Result<std::optional<PayloadData>> PayloadAssembler::add(const std::vector<grpc::Slice>& part) {
  if (!open_) return protocol_error("a continuation of no payload");
  for (const grpc::Slice& slice : part) {
    if (slice.size() > open_->plan.bytes - open_->filled) {
      return protocol_error(
          fmt::format("more payload bytes than the {} stated", open_->plan.bytes));
    }
    std::memcpy(open_->buffer.bytes().data() + open_->filled, slice.begin(), slice.size());
    open_->hash.add({reinterpret_cast<const std::byte*>(slice.begin()), slice.size()});
    open_->filled += slice.size();
  }
  if (open_->filled < open_->plan.bytes) return std::optional<PayloadData>();
  const std::unique_ptr<Open> done = std::exchange(open_, nullptr);
  if (done->hash.digest() != done->plan.checksum) {
    return protocol_error(
        fmt::format("a payload of {} bytes with a wrong checksum", done->plan.bytes));
  }
  return std::optional<PayloadData>(
      {done->plan.shape, std::move(done->buffer).into_slice(), done->plan.checksum});
}

}  // namespace brigade::daemon
