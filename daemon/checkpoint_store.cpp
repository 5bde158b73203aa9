#include "daemon/checkpoint_store.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace brigade::daemon {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCheckpointSuffix = ".safetensors";
constexpr const char* kKeptSuffix = ".kept";

/// What has to be equal for weights to mean the same. Norm epsilon and init_std may change.
std::optional<std::string> difference(const stage::ModelShape& got,
                                      const stage::ModelShape& wanted) {
  const auto differ = [](const char* name, std::uint32_t a, std::uint32_t b) {
    return fmt::format("{} is {} there and {} in swarm.toml", name, a, b);
  };
  if (got.vocabulary != wanted.vocabulary)
    return differ("the vocabulary", got.vocabulary, wanted.vocabulary);
  if (got.width != wanted.width) return differ("the width", got.width, wanted.width);
  if (got.blocks != wanted.blocks) return differ("the number of blocks", got.blocks, wanted.blocks);
  if (got.heads != wanted.heads) return differ("the number of heads", got.heads, wanted.heads);
  if (got.context != wanted.context) return differ("the context", got.context, wanted.context);
  return std::nullopt;
}

Result<> remove_file(const fs::path& file) {
  std::error_code failure;
  fs::remove(file, failure);
  if (!failure) return {};
  return make_error(ErrorCode::kIo,
                    fmt::format("can't remove {}: {}", file.string(), failure.message()));
}

}  // namespace

Result<> check_fits(const stage::CheckpointInfo& info, const stage::ModelShape& model,
                    const stage::Slice& slice) {
  if (const auto what = difference(info.model, model))
    return make_error(ErrorCode::kBadInput, "it is of another model: " + *what);
  const stage::Slice& held = info.slice;
  if (held.first_block != slice.first_block || held.blocks != slice.blocks ||
      held.is_head() != slice.is_head() || held.is_tail() != slice.is_tail())
    return make_error(ErrorCode::kBadInput, "it holds another part of the model");
  return {};
}

CheckpointStore::CheckpointStore(fs::path folder, stage::ModelShape model, stage::Slice slice,
                                 CheckpointAccess access)
    : folder_(std::move(folder)), model_(model), slice_(slice), access_(std::move(access)) {}

Result<> CheckpointStore::scan(const std::vector<fs::path>& resume_from,
                               std::vector<std::string>& notes) {
  files_.clear();
  BRIGADE_TRY(scan_folder(folder_, true, notes));
  for (const fs::path& folder : resume_from) {
    const bool is_state_dir = fs::is_directory(folder / "checkpoints");
    const fs::path inner = is_state_dir ? folder / "checkpoints" : folder;
    std::error_code missing;
    if (fs::equivalent(inner, folder_, missing)) continue;
    BRIGADE_TRY(scan_folder(inner, false, notes));
  }
  for (auto one = files_.begin(); one != files_.end();) {
    if (is_covered(one->second)) {
      ++one;
      continue;
    }
    notes.push_back(
        fmt::format("the checkpoint at micro-batch {} of epoch {} is left out: its "
                    "files here do not hold all of blocks {} … {}",
                    one->first.position, one->first.epoch.value(), slice_.first_block,
                    slice_.first_block + slice_.blocks - 1));
    one = files_.erase(one);
  }
  return {};
}

Result<> CheckpointStore::scan_folder(const fs::path& folder, bool is_own,
                                      std::vector<std::string>& notes) {
  std::error_code failure;
  const auto files = files_in(folder, failure);
  if (failure)
    return make_error(ErrorCode::kNotFound, fmt::format("can't read the checkpoint folder {}: {}",
                                                        folder.string(), failure.message()));
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    const bool is_cut_short = name.find(".safetensors.tmp") != std::string::npos ||
                              name.find(".kept.tmp") != std::string::npos;
    if (is_own && is_cut_short) {
      fs::remove(file, failure);  // a write that a crash cut short
      continue;
    }
    if (parse_checkpoint_file_name(name)) BRIGADE_TRY(take(file, is_own, notes));
  }
  for (const fs::path& file : files) {
    const fs::path checkpoint = fs::path(file).replace_extension(kCheckpointSuffix);
    const bool is_alone = is_own && file.extension() == kKeptSuffix && !fs::exists(checkpoint);
    if (is_alone) fs::remove(file, failure);
  }
  return {};
}

Result<> CheckpointStore::take(const fs::path& file, bool is_own, std::vector<std::string>& notes) {
  const auto id = *parse_checkpoint_file_name(file.filename().string());
  auto info = access_.verify(file);
  if (info.has_value() && (info->position != id.position || info->epoch != id.epoch.value()))
    info = make_error(ErrorCode::kCorrupt, "its header names another checkpoint");
  if (info.has_error() && info.error().code == ErrorCode::kCorrupt && is_own) {
    fs::path aside = file;
    aside += ".corrupt";
    std::error_code failure;
    fs::rename(file, aside, failure);
    notes.push_back(fmt::format("corrupt checkpoint moved aside to {}, the one before is used: {}",
                                aside.filename().string(), info.error().message));
    return {};
  }
  if (info.has_error()) {
    notes.push_back(fmt::format("checkpoint {} not used: {}", file.string(), info.error().message));
    return {};
  }
  if (const auto what = difference(info->model, model_))
    return make_error(ErrorCode::kBadInput,
                      fmt::format("checkpoint {} is of another model: {}; keep the model of the "
                                  "run, or start in an empty folder",
                                  file.string(), *what));
  files_[id].push_back({file, *info});
  return {};
}

bool CheckpointStore::is_covered(const std::vector<File>& files) const {
  bool has_head = false;
  bool has_tail = false;
  std::vector<bool> has_block(slice_.blocks, false);
  for (const File& file : files) {
    const stage::Slice& held = file.info.slice;
    has_head = has_head || held.is_head();
    has_tail = has_tail || held.is_tail();
    for (std::uint32_t block = 0; block < slice_.blocks; ++block) {
      const std::uint32_t wanted = slice_.first_block + block;
      if (wanted >= held.first_block && wanted - held.first_block < held.blocks)
        has_block[block] = true;
    }
  }
  return (has_head || !slice_.is_head()) && (has_tail || !slice_.is_tail()) &&
         std::all_of(has_block.begin(), has_block.end(), [](bool has) { return has; });
}

std::vector<swarm::CheckpointId> CheckpointStore::sound() const {
  std::vector<swarm::CheckpointId> ids;
  for (const auto& [id, files] : files_) ids.push_back(id);
  return ids;
}

std::vector<fs::path> CheckpointStore::files(const swarm::CheckpointId& checkpoint) const {
  const auto found = files_.find(checkpoint);
  std::vector<fs::path> paths;
  if (found == files_.end()) return paths;
  // A file of just this slice needs no others.
  for (const File& file : found->second) {
    const stage::Slice& held = file.info.slice;
    const bool is_same = held.first_block == slice_.first_block && held.blocks == slice_.blocks &&
                         held.is_head() == slice_.is_head() && held.is_tail() == slice_.is_tail();
    if (is_same) return {file.path};
    paths.push_back(file.path);
  }
  return paths;
}

fs::path CheckpointStore::own_file(const swarm::CheckpointId& checkpoint) const {
  return folder_ / checkpoint_file_name(checkpoint);
}

Version CheckpointStore::version(const swarm::CheckpointId& checkpoint) const {
  const auto found = files_.find(checkpoint);
  return found == files_.end() ? Version{} : Version(found->second.front().info.version);
}

void CheckpointStore::add(const stage::CheckpointInfo& info) {
  const swarm::CheckpointId checkpoint{Epoch(info.epoch), info.position};
  File file{own_file(checkpoint), info};
  file.info.model = model_;
  file.info.slice = slice_;
  files_[checkpoint] = {std::move(file)};
}

Result<stage::CheckpointInfo> CheckpointStore::take_in(const fs::path& file,
                                                       const swarm::CheckpointId& expected) const {
  auto info = access_.verify(file);
  if (info.has_value()) {
    const auto fits = check_fits(*info, model_, slice_);
    const bool is_expected = swarm::CheckpointId{Epoch(info->epoch), info->position} == expected;
    if (fits.has_error()) {
      info = fits.error();
    } else if (!is_expected) {
      info = make_error(ErrorCode::kBadInput, "it is another checkpoint than the one asked for");
    }
  }
  std::error_code failure;
  if (info.has_value()) {
    fs::remove(kept_file(expected), failure);
    fs::rename(file, own_file({Epoch(info->epoch), info->position}), failure);
    if (failure) info = make_error(ErrorCode::kIo, failure.message());
  }
  if (info.has_error()) fs::remove(file, failure);
  return info;
}

std::vector<HeldCheckpoint> CheckpointStore::own_files() const {
  std::vector<HeldCheckpoint> own;
  for (const auto& [id, files] : files_) {
    const auto mine = std::find_if(files.begin(), files.end(),
                                   [&](const File& file) { return file.path == own_file(id); });
    if (mine != files.end()) own.push_back({id, mine->path});
  }
  return own;
}

void CheckpointStore::remove(const swarm::CheckpointId& checkpoint) {
  files_.erase(checkpoint);
}

fs::path CheckpointStore::kept_file(const swarm::CheckpointId& checkpoint) const {
  return own_file(checkpoint).replace_extension(kKeptSuffix);
}

Result<> CheckpointStore::write(const stage::Snapshot& snapshot,
                                const stage::CheckpointInfo& info) const {
  const swarm::CheckpointId checkpoint{Epoch(info.epoch), info.position};
  BRIGADE_TRY(remove_file(kept_file(checkpoint)));
  return access_.write(snapshot, info, own_file(checkpoint));
}

Result<> CheckpointStore::erase(const swarm::CheckpointId& checkpoint) const {
  BRIGADE_TRY(remove_file(kept_file(checkpoint)));
  return remove_file(own_file(checkpoint));
}

Result<> CheckpointStore::write_kept(const swarm::CheckpointId& checkpoint,
                                     const KeptData& kept) const {
  if (kept.is_empty()) return {};
  return daemon::write_kept(kept_file(checkpoint), {checkpoint, slice_}, kept);
}

Result<KeptData> CheckpointStore::read_kept(const swarm::CheckpointId& checkpoint,
                                            const std::vector<fs::path>& files) const {
  const bool is_own = files.size() == 1 && files.front() == own_file(checkpoint);
  if (!is_own) return KeptData{};
  auto kept = daemon::read_kept(kept_file(checkpoint), {checkpoint, slice_});
  const bool is_missing = kept.has_error() && kept.error().code == ErrorCode::kNotFound;
  return is_missing ? Result<KeptData>(KeptData{}) : std::move(kept);
}

}  // namespace brigade::daemon
