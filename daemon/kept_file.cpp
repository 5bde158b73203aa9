#include "daemon/kept_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include "base/file.hpp"
#include "base/limits.hpp"

namespace brigade::daemon {

namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

constexpr std::string_view kMagic = "brgkept1";

std::span<const std::byte> as_bytes(const grpc::Slice& slice) {
  return {reinterpret_cast<const std::byte*>(slice.begin()), slice.size()};
}

class Writer {
 public:
  explicit Writer(AtomicFile file) : file_(std::move(file)) {}

  Result<> put(std::span<const std::byte> bytes) {
    hash_.add(bytes);
    return file_.write(bytes);
  }
  Result<> put(std::initializer_list<std::uint64_t> numbers) {
    return put(std::as_bytes(std::span(numbers.begin(), numbers.size())));
  }
  Result<> end() {
    BRIGADE_TRY(put({hash_.digest()}));
    return file_.commit();
  }

 private:
  AtomicFile file_;
  PayloadHash hash_;
};

/// Never beyond the end: what was read so far is what a wrong length can cost.
class Reader {
 public:
  Reader(const fs::path& file, std::uint64_t bytes)
      : in_(file, std::ios::binary), left_(bytes), name_(file.filename().string()) {}

  Result<> get(std::span<std::byte> bytes) {
    if (bytes.size() > left_) return damaged("it ends too soon");
    in_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!in_) return make_error(ErrorCode::kIo, fmt::format("can't read {}", name_));
    left_ -= bytes.size();
    hash_.add(bytes);
    return {};
  }
  template <std::size_t kCount>
  Result<std::array<std::uint64_t, kCount>> numbers() {
    std::array<std::uint64_t, kCount> all{};
    BRIGADE_TRY(get(std::as_writable_bytes(std::span(all))));
    return all;
  }
  Result<> end() {
    const std::uint64_t digest = hash_.digest();
    BRIGADE_ASSIGN(const auto written, numbers<1>());
    if (written.front() != digest || left_ > 0) return damaged("its checksum is wrong");
    return {};
  }
  std::uint64_t left() const { return left_; }
  Error damaged(std::string_view why) const {
    return make_error(ErrorCode::kCorrupt, fmt::format("{}: {}", name_, why));
  }

 private:
  std::ifstream in_;
  std::uint64_t left_;
  std::string name_;
  PayloadHash hash_;
};

std::array<std::uint64_t, 5> head_of(const KeptFor& what) {
  return {what.checkpoint.epoch.value(), what.checkpoint.position, what.slice.stage,
          what.slice.first_block, what.slice.blocks};
}

Result<> put_gradient(Writer& out, const KeptData::Gradient& one, bool has_room) {
  const bool is_there = one.payload.has_value() && has_room;
  BRIGADE_TRY(out.put({one.id.epoch.value(), one.id.head.value(), one.id.sequence.value(),
                       std::bit_cast<std::uint64_t>(one.loss.nats), one.loss.tokens,
                       is_there ? std::uint64_t{1} : std::uint64_t{0}}));
  if (!is_there) return {};
  const PayloadShape& shape = one.payload->shape;
  BRIGADE_TRY(out.put({static_cast<std::uint64_t>(shape.codec), shape.batch, shape.tokens,
                       shape.width, one.payload->checksum}));
  return out.put(as_bytes(one.payload->bytes));
}

Result<PayloadData> get_payload(Reader& in) {
  BRIGADE_ASSIGN(const auto numbers, in.numbers<5>());
  const auto [codec, batch, tokens, width, checksum] = numbers;
  const bool is_known = std::ranges::any_of(
      stage::kCodecs, [&](Codec one) { return static_cast<std::uint64_t>(one) == codec; });
  const bool is_sane = is_known && batch <= limits::kMaxBatch && tokens <= limits::kMaxContext &&
                       width <= limits::kMaxWidth;
  if (!is_sane) return in.damaged("a gradient that can't be");
  PayloadData payload;
  payload.shape = {.codec = static_cast<Codec>(codec),
                   .batch = static_cast<std::uint32_t>(batch),
                   .tokens = static_cast<std::uint32_t>(tokens),
                   .width = static_cast<std::uint32_t>(width)};
  const std::uint64_t bytes = payload.shape.total_bytes();
  if (bytes == 0 || bytes > in.left()) return in.damaged("a gradient longer than the file");
  PayloadBuffer buffer(bytes);
  if (!buffer.is_valid())
    return make_error(ErrorCode::kLimit, fmt::format("no memory for {} bytes of gradients", bytes));
  BRIGADE_TRY(in.get(buffer.bytes()));
  if (payload_checksum(buffer.bytes()) != checksum) return in.damaged("a gradient is damaged");
  payload.checksum = checksum;
  payload.bytes = std::move(buffer).into_slice();
  return payload;
}

Result<KeptData::Gradient> get_gradient(Reader& in) {
  BRIGADE_ASSIGN(const auto numbers, in.numbers<6>());
  const auto [epoch, head, sequence, nats, tokens, is_there] = numbers;
  KeptData::Gradient one;
  one.id = {Epoch(static_cast<Epoch::rep>(epoch)), HeadIndex(head), Sequence(sequence),
            MicrobatchId::Kind::kTrain};
  one.loss = {std::bit_cast<double>(nats), static_cast<std::uint32_t>(tokens)};
  if (is_there != 0) {
    BRIGADE_ASSIGN(one.payload, get_payload(in));
  }
  return one;
}

}  // namespace

Result<> write_kept(const fs::path& file, const KeptFor& what, const KeptData& kept) {
  BRIGADE_ASSIGN(AtomicFile created, AtomicFile::create(file));
  Writer out(std::move(created));
  BRIGADE_TRY(out.put(std::as_bytes(std::span(kMagic))));
  const auto head = head_of(what);
  BRIGADE_TRY(out.put(std::as_bytes(std::span(head))));
  BRIGADE_TRY(out.put({kept.closed.size(), kept.gradients.size()}));
  for (const auto& range : kept.closed)
    BRIGADE_TRY(out.put({range.head.value(), range.first.value(), range.end.value()}));
  std::uint64_t room = limits::kMaxKeptFileBytes;
  for (const auto& one : kept.gradients) {
    const std::uint64_t bytes = one.payload ? one.payload->bytes.size() : 0;
    BRIGADE_TRY(put_gradient(out, one, bytes <= room));
    room -= bytes <= room ? bytes : 0;
  }
  return out.end();
}

Result<KeptData> read_kept(const fs::path& file, const KeptFor& what) {
  std::error_code failure;
  const std::uint64_t bytes = fs::file_size(file, failure);
  if (failure == std::errc::no_such_file_or_directory)
    return make_error(ErrorCode::kNotFound, fmt::format("there is no {}", file.string()));
  if (failure)
    return make_error(ErrorCode::kIo,
                      fmt::format("can't read {}: {}", file.string(), failure.message()));
  Reader in(file, bytes);
  std::array<std::byte, kMagic.size()> magic{};
  BRIGADE_TRY(in.get(magic));
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0)
    return in.damaged("it is no such file");
  BRIGADE_ASSIGN(const auto head, in.numbers<5>());
  if (head != head_of(what)) return in.damaged("it is of another checkpoint");
  BRIGADE_ASSIGN(const auto counts, in.numbers<2>());
  const auto [ranges, gradients] = counts;
  if (std::max(ranges, gradients) > limits::kMaxKeptOverRestart)
    return in.damaged("it holds more than it can");
  KeptData kept;
  for (std::uint64_t i = 0; i < ranges; ++i) {
    BRIGADE_ASSIGN(const auto range, in.numbers<3>());
    kept.closed.push_back({HeadIndex(range[0]), Sequence(range[1]), Sequence(range[2])});
  }
  for (std::uint64_t i = 0; i < gradients; ++i) {
    BRIGADE_ASSIGN(auto one, get_gradient(in));
    kept.gradients.push_back(std::move(one));
  }
  BRIGADE_TRY(in.end());
  return kept;
}

}  // namespace brigade::daemon
