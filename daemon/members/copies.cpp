#include "daemon/members/copies.hpp"

#include <brigade/v1/membership.pb.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <optional>
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

/// A node may be busy for a moment.
Result<std::string> ask_patiently(Asker& asker, const wire::PieceRequest& request) {
  constexpr int kTries = 3;
  Result<std::string> piece = make_error(ErrorCode::kUnavailable, "not asked yet");
  for (int i = 0; i < kTries; ++i) {
    piece = asker.ask(Asks::kPiece, request.SerializeAsString(), kAnswerLimit);
    if (piece.has_value() || piece.error().code != ErrorCode::kUnavailable) break;
  }
  return piece;
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

Result<> fetch(const Offered& offered, StageIndex stage, const fs::path& file,
               const std::atomic<bool>& is_stopped, std::uint64_t most_bytes_a_second) {
  BRIGADE_ASSIGN(AtomicFile out, AtomicFile::create(file));
  const Clock::time_point began = Clock::now();
  for (std::uint64_t offset = 0; offset < offered.bytes;) {
    if (is_stopped) return make_error(ErrorCode::kUnavailable, "this node stops");
    wire::PieceRequest request;
    request.set_stage(stage.value());
    request.set_epoch(offered.checkpoint.epoch.value());
    request.set_position(offered.checkpoint.position);
    request.set_offset(offset);
    request.set_bytes(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(kPieceBytes, offered.bytes - offset)));
    BRIGADE_ASSIGN(const std::string piece, ask_patiently(*offered.asker, request));
    if (piece.size() != request.bytes())
      return make_error(ErrorCode::kProtocol, "it gave another piece than the one asked for");
    BRIGADE_TRY(out.write(piece));
    offset += piece.size();
    keep_pace(began, offset, most_bytes_a_second, is_stopped);
  }
  return out.commit();
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
  if (!request.ParseFromString(question) || request.bytes() == 0 || request.bytes() > kPieceBytes)
    return make_error(ErrorCode::kBadInput, "no piece that can be asked for");
  const swarm::CheckpointId id = to_id(request.epoch(), request.position());
  const auto found =
      std::find_if(held.begin(), held.end(), [&](const auto& one) { return one.checkpoint == id; });
  if (found == held.end()) return make_error(ErrorCode::kBadInput, "that checkpoint is gone here");
  std::ifstream file(found->path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(request.offset()));
  std::string bytes(request.bytes(), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.empty()) return make_error(ErrorCode::kBadInput, "there is nothing of that file");
  return bytes;
}

}  // namespace brigade::daemon
