#include "daemon/members/standby.hpp"

#include <brigade/v1/membership.pb.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "daemon/grpc_ask.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace wire = brigade::v1;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kAnswerLimit{5'000};  // a stop waits for one
constexpr std::uint32_t kPieceBytes = 1024 * 1024;
constexpr std::uint64_t kMaxCheckpointBytes = 1ULL << 40;
constexpr int kMaxFiles = 64;

swarm::CheckpointId to_id(std::uint32_t epoch, std::uint64_t position) {
  return {Epoch(epoch), position};
}

/// Piece by piece into a file, durable when it returns.
Result<> fetch(const Worker& worker, const Identity& identity, const swarm::CheckpointId& id,
               std::uint64_t bytes, const fs::path& file, const std::atomic<bool>& is_stopped) {
  BRIGADE_ASSIGN(AtomicFile out, AtomicFile::create(file));
  for (std::uint64_t offset = 0; offset < bytes;) {
    if (is_stopped) return make_error(ErrorCode::kUnavailable, "this node stops");
    wire::PieceRequest request;
    request.set_epoch(id.epoch.value());
    request.set_position(id.position);
    request.set_offset(offset);
    request.set_bytes(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(kPieceBytes, bytes - offset)));
    BRIGADE_ASSIGN(const std::string piece, ask(worker.address, identity, worker.node, Asks::kPiece,
                                                request.SerializeAsString(), kAnswerLimit));
    if (piece.empty() || piece.size() > request.bytes())
      return make_error(ErrorCode::kProtocol, "it gave another piece than the one asked for");
    BRIGADE_TRY(out.write(piece));
    offset += piece.size();
  }
  return out.commit();
}

}  // namespace

Standby::~Standby() {
  stop();
  thread_.join();
}

void Standby::start(std::function<std::optional<Worker>()> worker) {
  worker_ = std::move(worker);
  again();
}

void Standby::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void Standby::again() {
  if (is_stopped_) return;
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !is_stopped_) look();
  });
}

void Standby::look() {
  const std::optional<Worker> worker = worker_();
  if (!worker || !setup_.is_idle()) return again();
  asio::post(thread_, [this, worker = *worker] {
    auto answer =
        ask(worker.address, setup_.identity, worker.node, Asks::kCheckpoints, {}, kAnswerLimit);
    asio::post(core_, [this, worker, answer = std::move(answer)] { compare(worker, answer); });
  });
}

void Standby::compare(const Worker& worker, const Result<std::string>& answer) {
  if (is_stopped_) return;
  wire::CheckpointsReply reply;
  if (answer.has_error() || !reply.ParseFromString(*answer) || reply.files_size() > kMaxFiles)
    return again();
  const wire::CheckpointsReply::File* newest = nullptr;
  for (const auto& file : reply.files()) {
    if (file.epoch() > limits::kMaxEpoch || file.position() > limits::kMaxPosition ||
        file.bytes() == 0 || file.bytes() > kMaxCheckpointBytes)
      continue;
    if (newest == nullptr ||
        to_id(newest->epoch(), newest->position()) < to_id(file.epoch(), file.position()))
      newest = &file;
  }
  if (newest == nullptr) return again();
  const swarm::CheckpointId id = to_id(newest->epoch(), newest->position());
  const auto own = setup_.own();
  const bool is_news =
      std::none_of(own.begin(), own.end(), [&](const auto& one) { return id <= one.checkpoint; });
  if (!is_news) return again();
  copy(worker, id, newest->bytes());
}

void Standby::copy(const Worker& worker, const swarm::CheckpointId& id, std::uint64_t bytes) {
  // Not a checkpoint's name: whatever is left of it goes at the next start.
  const fs::path file =
      setup_.folder / fmt::format("copy-{:012}-e{}.safetensors.tmp", id.position, id.epoch.value());
  asio::post(thread_, [this, worker, id, bytes, file] {
    const auto fetched = fetch(worker, setup_.identity, id, bytes, file, is_stopped_);
    asio::post(core_, [this, id, fetched, file] {
      if (is_stopped_) return;
      if (fetched.has_value()) return setup_.take_in(id, file, [this] { again(); });
      spdlog::info("the checkpoint of the working node can't be copied now: {}",
                   fetched.error().message);
      again();
    });
  });
}

std::string checkpoints_answer(const std::vector<OwnCheckpoint>& own) {
  wire::CheckpointsReply reply;
  for (const OwnCheckpoint& one : own) {
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
                                 const std::vector<OwnCheckpoint>& own) {
  wire::PieceRequest request;
  if (!request.ParseFromString(question) || request.bytes() == 0 || request.bytes() > kPieceBytes)
    return make_error(ErrorCode::kBadInput, "no piece that can be asked for");
  const swarm::CheckpointId id = to_id(request.epoch(), request.position());
  const auto found =
      std::find_if(own.begin(), own.end(), [&](const auto& one) { return one.checkpoint == id; });
  if (found == own.end()) return make_error(ErrorCode::kBadInput, "that checkpoint is gone here");
  std::ifstream file(found->path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(request.offset()));
  std::string bytes(request.bytes(), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.empty()) return make_error(ErrorCode::kBadInput, "there is nothing of that file");
  return bytes;
}

}  // namespace brigade::daemon
