#include "daemon/members/copies.hpp"

#include <brigade/v1/membership.pb.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "daemon/grpc_ask.hpp"

namespace brigade::daemon {

namespace fs = std::filesystem;
namespace wire = brigade::v1;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kSuffix = ".safetensors";

template <class Number>
bool take_number(std::string_view& text, Number& out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failure != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

constexpr std::chrono::milliseconds kAnswerLimit{5'000};  // a stop waits for one
constexpr std::uint32_t kPieceBytes = 1024 * 1024;
constexpr int kMaxFiles = 64;

swarm::CheckpointId to_id(std::uint32_t epoch, std::uint64_t position) {
  return {Epoch(epoch), position};
}

std::optional<Offered> ask_one(const Donor& donor, StageIndex stage, const Identity& identity,
                               std::uint64_t most_bytes) {
  wire::CheckpointsRequest request;
  request.set_stage(stage.value());
  const auto asker = std::make_shared<Asker>(donor.address, identity, donor.node);
  const auto answer = asker->ask(Asks::kCheckpoints, request.SerializeAsString(), kAnswerLimit);
  wire::CheckpointsReply reply;
  if (answer.has_error() || !reply.ParseFromString(*answer) || reply.files_size() > kMaxFiles)
    return std::nullopt;
  std::optional<Offered> newest;
  for (const auto& file : reply.files()) {
    const bool is_sane = file.epoch() <= limits::kMaxEpoch &&
                         file.position() <= limits::kMaxPosition && file.bytes() > 0 &&
                         file.bytes() <= most_bytes;
    if (is_sane && (!newest || newest->checkpoint.position < file.position()))
      newest = Offered{donor, asker, to_id(file.epoch(), file.position()), file.bytes()};
  }
  return newest;
}

/// Waits as long as `done` bytes should have taken.
void keep_pace(Clock::time_point began, std::uint64_t done, std::uint64_t most_bytes_a_second,
               const std::atomic<bool>& is_stopped) {
  if (most_bytes_a_second == 0) return;
  const std::chrono::duration<double> least(static_cast<double>(done) /
                                            static_cast<double>(most_bytes_a_second));
  constexpr std::chrono::milliseconds kNap{50};
  while (!is_stopped && Clock::now() - began < least) std::this_thread::sleep_for(kNap);
}

}  // namespace

std::string checkpoint_file_name(const swarm::CheckpointId& checkpoint) {
  return fmt::format("{}{:012}-e{}{}", kPrefix, checkpoint.position, checkpoint.epoch.value(),
                     kSuffix);
}

std::optional<swarm::CheckpointId> parse_checkpoint_file_name(const std::string& name) {
  std::string_view rest = name;
  std::uint64_t position = 0;
  Epoch::rep epoch = 0;
  const bool fits = take_word(rest, kPrefix) && take_number(rest, position) &&
                    take_word(rest, "-e") && take_number(rest, epoch) && rest == kSuffix;
  if (!fits) return std::nullopt;
  return swarm::CheckpointId{Epoch(epoch), position};
}

std::vector<fs::path> files_in(const fs::path& folder, std::error_code& failure) {
  std::vector<fs::path> files;
  for (auto entry = fs::directory_iterator(folder, failure);
       !failure && entry != fs::directory_iterator(); entry.increment(failure))
    files.push_back(entry->path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Donor> find_ways(const std::vector<Donor>& donors, const OpenWay& open_way) {
  constexpr std::size_t kMostTunnels = 2;
  std::vector<Donor> found;
  std::ranges::copy_if(donors, std::back_inserter(found),
                       [](const Donor& donor) { return !donor.address.empty(); });
  std::size_t tunnels = 0;
  for (Donor donor : donors) {
    if (!donor.relay || tunnels == kMostTunnels) continue;
    const auto entrance = open_way(donor.node, *donor.relay);
    if (entrance.has_error()) continue;
    ++tunnels;
    donor.address = *entrance;
    found.push_back(std::move(donor));
  }
  return found;
}

std::vector<Offered> ask_what_they_have(const std::vector<Donor>& donors, StageIndex stage,
                                        const Identity& identity, std::uint64_t most_bytes) {
  std::vector<std::future<std::optional<Offered>>> asked;
  for (const Donor& donor : donors)
    asked.push_back(std::async(std::launch::async, [&donor, stage, &identity, most_bytes] {
      return ask_one(donor, stage, identity, most_bytes);
    }));
  std::vector<Offered> offered;
  for (auto& one : asked)
    if (auto answer = one.get()) offered.push_back(std::move(*answer));
  std::ranges::stable_sort(offered, std::greater{},
                           [](const Offered& one) { return one.checkpoint.position; });
  return offered;
}

Result<> fetch_pieces(
    const std::function<Result<std::string>(std::uint64_t offset, std::uint32_t bytes)>& ask,
    const ByteRange& range,
    const std::function<Result<>(std::uint64_t offset, const std::string& piece)>& take,
    const std::atomic<bool>& is_stopped, std::uint64_t most_bytes_a_second) {
  const Clock::time_point began = Clock::now();
  for (std::uint64_t offset = range.from; offset < range.to;) {
    if (is_stopped) return make_error(ErrorCode::kUnavailable, "this node stops");
    const auto bytes =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(kPieceBytes, range.to - offset));
    constexpr int kTries = 3;  // a node may be busy for a moment
    Result<std::string> piece = ask(offset, bytes);
    for (int i = 1; i < kTries && piece.has_error(); ++i) {
      if (piece.error().code != ErrorCode::kUnavailable) break;
      piece = ask(offset, bytes);
    }
    BRIGADE_TRY(piece);
    if (piece->size() != bytes)
      return make_error(ErrorCode::kProtocol, "it gave another piece than the one asked for");
    BRIGADE_TRY(take(offset, *piece));
    offset += bytes;
    keep_pace(began, offset - range.from, most_bytes_a_second, is_stopped);
  }
  return {};
}

Result<> fetch(const Offered& offered, StageIndex stage, const fs::path& file,
               const std::atomic<bool>& is_stopped, std::uint64_t most_bytes_a_second) {
  BRIGADE_ASSIGN(AtomicFile out, AtomicFile::create(file));
  const auto ask_piece = [&](std::uint64_t offset, std::uint32_t bytes) {
    wire::PieceRequest request;
    request.set_stage(stage.value());
    request.set_epoch(offered.checkpoint.epoch.value());
    request.set_position(offered.checkpoint.position);
    request.set_offset(offset);
    request.set_bytes(bytes);
    return offered.asker->ask(Asks::kPiece, request.SerializeAsString(), kAnswerLimit);
  };
  const auto take = [&](std::uint64_t, const std::string& piece) { return out.write(piece); };
  BRIGADE_TRY(fetch_pieces(ask_piece, {0, offered.bytes}, take, is_stopped, most_bytes_a_second));
  return out.commit();
}

Result<std::string> read_piece(const fs::path& file, std::uint64_t offset, std::uint32_t bytes) {
  if (bytes == 0 || bytes > kPieceBytes)
    return make_error(ErrorCode::kBadInput, "no piece that can be asked for");
  std::ifstream in(file, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(offset));
  std::string piece(bytes, '\0');
  in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  piece.resize(static_cast<std::size_t>(in.gcount()));
  if (piece.empty()) return make_error(ErrorCode::kBadInput, "there is nothing of that file");
  return piece;
}

bool is_a_lie(const Error& error) {
  return error.code != ErrorCode::kIo && error.code != ErrorCode::kUnavailable &&
         error.code != ErrorCode::kLimit;
}

Result<StageIndex> stage_asked_for(Asks kind, const std::string& question) {
  wire::CheckpointsRequest what;
  wire::PieceRequest piece;
  const bool is_piece = kind == Asks::kPiece;
  const bool is_sane = is_piece ? piece.ParseFromString(question) : what.ParseFromString(question);
  if (!is_sane) return make_error(ErrorCode::kProtocol, "what it asks makes no sense");
  return StageIndex(is_piece ? piece.stage() : what.stage());
}

std::string checkpoints_answer(const std::vector<HeldCheckpoint>& held) {
  wire::CheckpointsReply reply;
  for (const HeldCheckpoint& one : held) {
    std::error_code failure;
    const std::uintmax_t bytes = fs::file_size(one.path, failure);
    if (failure || reply.files_size() == kMaxFiles) continue;
    auto& file = *reply.add_files();
    file.set_epoch(one.checkpoint.epoch.value());
    file.set_position(one.checkpoint.position);
    file.set_bytes(bytes);
  }
  return reply.SerializeAsString();
}

Result<std::string> piece_answer(const std::string& question,
                                 const std::vector<HeldCheckpoint>& held) {
  wire::PieceRequest request;
  if (!request.ParseFromString(question))
    return make_error(ErrorCode::kBadInput, "no piece that can be asked for");
  const swarm::CheckpointId id = to_id(request.epoch(), request.position());
  const auto found =
      std::find_if(held.begin(), held.end(), [&](const auto& one) { return one.checkpoint == id; });
  if (found == held.end()) return make_error(ErrorCode::kBadInput, "that checkpoint is gone here");
  return read_piece(found->path, request.offset(), request.bytes());
}

}  // namespace brigade::daemon
