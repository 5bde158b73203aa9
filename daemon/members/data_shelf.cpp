#include "daemon/members/data_shelf.hpp"

#include <brigade/v1/membership.pb.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/figures.hpp"
#include "base/file.hpp"
#include "daemon/core_clock.hpp"
#include "daemon/grpc_ask.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace wire = brigade::v1;

namespace {

constexpr std::chrono::milliseconds kAnswerLimit{5'000};  // a stop waits for one

fs::path manifest_of(const DataFile& file) {
  return file.path.string() + ".json";
}

fs::path part_of(const DataFile& file) {
  return file.path.string() + ".part";
}

bool is_here(const DataFile& file) {
  std::error_code failure;
  return fs::exists(manifest_of(file), failure) && fs::exists(file.path, failure);
}

std::uint64_t size_of(const fs::path& file) {
  std::error_code failure;
  const std::uintmax_t bytes = fs::file_size(file, failure);
  return failure ? 0 : bytes;
}

Result<> accept(const DataFile& file, const std::atomic<bool>& is_stopped) {
  const fs::path part = part_of(file);
  BRIGADE_ASSIGN(const trust::Sha256 found, trust::sha256_of(part, &is_stopped));
  std::error_code failure;
  if (found != file.sha256) {
    fs::remove(part, failure);
    return make_error(ErrorCode::kProtocol, "its bytes are not what the swarm's owner has signed");
  }
  BRIGADE_TRY(write_file_atomically(manifest_of(file), file.manifest));
  fs::rename(part, file.path, failure);
  if (failure)
    return make_error(ErrorCode::kIo,
                      fmt::format("{}: cannot be renamed: {}", part.string(), failure.message()));
  sync_folder(file.path.parent_path());
  return {};
}

}  // namespace

bool are_here(const std::vector<DataFile>& files) {
  return !files.empty() && std::ranges::all_of(files, is_here);
}

DataShelf::DataShelf(asio::io_context& core, Setup setup)
    : core_(core), setup_(std::move(setup)), timer_(core), is_complete_(are_here(setup_.files)) {}

DataShelf::~DataShelf() {
  stop();
  thread_.join();
}

void DataShelf::start(std::function<Sources()> look, OpenWay open_way) {
  if (is_complete_ || setup_.files.empty()) return;
  look_ = std::move(look);
  open_way_ = std::move(open_way);
  again();
}

void DataShelf::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void DataShelf::again() {
  if (is_stopped_) return;
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !is_stopped_) this->look();
  });
}

void DataShelf::tell(const std::string& what) {
  asio::post(core_, [this, what] { waiting_for_ = what; });
}

void DataShelf::look() {
  Sources sources = look_();
  std::erase_if(sources.donors, [this](const Donor& donor) { return bad_.contains(donor.node); });
  if (!sources.is_wanted || sources.donors.empty()) {
    waiting_for_ = sources.is_wanted ? "a node that has the data and can be reached" : "";
    return again();
  }
  asio::post(thread_, [this, donors = find_ways(sources.donors, open_way_)] {
    for (const Donor& donor : donors) {
      Result<> copied;
      for (std::size_t i = 0; i < setup_.files.size() && copied.has_value(); ++i)
        if (!is_here(setup_.files[i])) copied = copy(donor, setup_.files[i], i);
      if (copied.has_value() || is_stopped_) break;
      spdlog::info("the data can't be copied from {}: {}", to_short(donor.node),
                   copied.error().message);
      if (copied.error().code == ErrorCode::kProtocol)
        asio::post(core_, [this, node = donor.node] { bad_.insert(node); });
      if (copied.error().code == ErrorCode::kIo) tell(copied.error().message);
    }
    asio::post(core_, [this] {
      if (is_stopped_) return;
      is_complete_ = are_here(setup_.files);
      if (!is_complete_) return again();
      waiting_for_.clear();
      spdlog::info("the data are here files={}", setup_.files.size());
      if (setup_.on_complete) setup_.on_complete();
    });
  });
}

Result<> DataShelf::copy(const Donor& donor, const DataFile& file, std::size_t index) {
  const fs::path part = part_of(file);
  std::error_code failure;
  fs::create_directories(part.parent_path(), failure);
  std::uint64_t done = size_of(part);
  if (done > file.bytes) {
    fs::remove(part, failure);
    done = 0;
  }
  Asker asker(donor.address, setup_.identity, donor.node);
  std::ofstream out(part, std::ios::binary | std::ios::app);
  const auto ask_piece = [&](std::uint64_t offset, std::uint32_t bytes) {
    wire::DataRequest request;
    request.set_file(static_cast<std::uint32_t>(index));
    request.set_offset(offset);
    request.set_bytes(bytes);
    return asker.ask(Asks::kData, request.SerializeAsString(), kAnswerLimit);
  };
  const auto take = [&](std::uint64_t offset, const std::string& piece) -> Result<> {
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    out.flush();
    if (!out)
      return make_error(ErrorCode::kIo, fmt::format("{}: cannot be written: {}", part.string(),
                                                    std::strerror(errno)));
    tell(fmt::format("the data from node {}, {} of {}", to_short(donor.node),
                     in_bytes(offset + piece.size()), in_bytes(file.bytes)));
    return {};
  };
  spdlog::info("copies data from={} file={} at={} bytes={}", to_short(donor.node), index, done,
               file.bytes);
  BRIGADE_TRY(
      fetch_pieces(ask_piece, {done, file.bytes}, take, is_stopped_, setup_.most_bytes_a_second));
  auto accepted = accept(file, is_stopped_);
  const bool is_of_several = done > 0;  // who gave the wrong part of it can't be told
  if (accepted.has_error() && is_of_several)
    return make_error(ErrorCode::kUnavailable, accepted.error().message);
  return accepted;
}

Result<std::string> data_answer(const std::string& question, const std::vector<DataFile>& files) {
  wire::DataRequest request;
  if (!request.ParseFromString(question))
    return make_error(ErrorCode::kBadInput, "no piece that can be asked for");
  if (request.file() >= files.size() || !is_here(files[request.file()]))
    return make_error(ErrorCode::kBadInput, "the data are not here");
  return read_piece(files[request.file()].path, request.offset(), request.bytes());
}

}  // namespace brigade::daemon
