#include "cli/swarm_folder.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "trust/key_file.hpp"
#include "trust/token_files.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kOwnerFile = "owner.pem";
constexpr const char* kDescriptionFile = "swarm.signed";

trust::KeyFile owner_key_in(const fs::path& folder) {
  return {folder / kOwnerFile, "owner", "and create another swarm"};
}

Error io_error(const fs::path& path, std::string_view what, int error) {
  return make_error(ErrorCode::kIo,
                    fmt::format("{}: cannot {}: {}", path.string(), what, std::strerror(error)));
}

Error is_there_already(const fs::path& folder) {
  return make_error(
      ErrorCode::kBadInput,
      fmt::format("{}: is there already, and nothing is overwritten: give another --out",
                  folder.string()));
}

/// A folder under a temporary name beside its own until become(); without it nothing is left.
class Draft {
 public:
  static Result<Draft> beside(const fs::path& folder) {
    std::string name =
        (folder.parent_path() / fmt::format(".{}.XXXXXX", folder.filename().string())).string();
    if (::mkdtemp(name.data()) == nullptr) return io_error(folder, "make the folder", errno);
    return Draft(name);
  }
  Draft(Draft&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Draft& operator=(Draft&&) = delete;
  ~Draft() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

  /// Takes the place of nothing or of an empty folder.
  Result<> become(const fs::path& folder) {
    if (std::rename(path_.c_str(), folder.c_str()) != 0) {
      const bool is_taken = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR;
      if (is_taken) return is_there_already(folder);
      return io_error(folder, "make the folder", errno);
    }
    path_.clear();
    sync_folder(folder.parent_path());
    return {};
  }

 private:
  explicit Draft(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

/// A token file and its manifest, under another name.
Result<> link_tokens(const fs::path& file, const fs::path& as) {
  std::error_code error;
  fs::create_directories(as.parent_path(), error);
  for (const char* suffix : {"", ".json"}) {
    const fs::path link = as.string() + suffix;
    if (fs::exists(link, error)) continue;
    fs::remove(link, error);  // it led nowhere
    fs::create_symlink(file.string() + suffix, link, error);
    if (error) return io_error(link, "make the link", error.value());
  }
  return {};
}

Result<trust::SwarmDescription> fill(const fs::path& folder, const std::string& swarm_toml,
                                     std::uint64_t now_unix_s, const OwnedData& data) {
  BRIGADE_ASSIGN(const trust::SigningKey owner, trust::create_key(owner_key_in(folder)));
  trust::SwarmDescription description;
  BRIGADE_ASSIGN(description.origin, trust::make_origin(owner.public_key()));
  description.created_unix_s = now_unix_s;
  description.swarm_toml = swarm_toml;
  description.data = data.described;
  BRIGADE_ASSIGN(const std::string bytes, trust::sign_description(owner, description));
  BRIGADE_TRY(write_file_atomically(folder / kDescriptionFile, bytes));
  for (std::size_t i = 0; i < data.files.size(); ++i)
    BRIGADE_TRY(link_tokens(data.files[i], folder / trust::kTokenFiles.at(i)));
  return description;
}

}  // namespace

Result<trust::SwarmDescription> create_swarm(const fs::path& root, const std::string& swarm_toml,
                                             std::uint64_t now_unix_s, const OwnedData& data) {
  fs::path folder = fs::absolute(root).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "out/" is "out"
  std::error_code error;
  const bool is_free = !fs::exists(folder, error) ||
                       (fs::is_directory(folder, error) && fs::is_empty(folder, error));
  if (!is_free) return is_there_already(root);
  fs::create_directories(folder.parent_path(), error);
  if (error) return io_error(folder.parent_path(), "make the folder", error.value());
  BRIGADE_ASSIGN(Draft draft, Draft::beside(folder));
  auto description = fill(draft.path(), swarm_toml, now_unix_s, data);
  if (!description) {
    return make_error(
        description.error().code,
        fmt::format("{}: no swarm was made: {}", root.string(), description.error().message));
  }
  BRIGADE_TRY(draft.become(folder));
  return description;
}

Result<> link_data(const fs::path& root, const fs::path& node_folder) {
  for (const char* name : trust::kTokenFiles) {
    std::error_code error;
    const fs::path file = fs::canonical(root / name, error);
    if (!error) BRIGADE_TRY(link_tokens(file, node_folder / name));
  }
  return {};
}

Result<trust::Revocations> load_owned_revocations(const fs::path& root,
                                                  const trust::SwarmOrigin& origin) {
  std::error_code ignored;
  if (!fs::is_directory(root, ignored)) return trust::Revocations(origin);
  auto revocations = trust::load_revocations(root / trust::kRevocationsFile, origin);
  if (revocations) return revocations;
  return make_error(
      revocations.error().code,
      revocations.error().message + ": restore it from a copy, or remove it and revoke again");
}

Result<> hand_over_revocations(const fs::path& root, const trust::SwarmOrigin& origin,
                               const fs::path& node_folder) {
  BRIGADE_ASSIGN(const trust::Revocations owned, load_owned_revocations(root, origin));
  const fs::path file = node_folder / trust::kRevocationsFile;
  const auto kept = trust::load_revocations(file, origin);
  trust::Revocations known = kept ? *kept : trust::Revocations(origin);  // others tell it again
  bool is_news = false;
  for (const auto& [subject, entry] : owned.all()) {
    BRIGADE_ASSIGN(const auto* added, known.add(entry.bytes));
    is_news = is_news || added != nullptr;
  }
  return is_news ? trust::save_revocations(file, known) : Result<>();
}

Result<trust::SwarmDescription> load_description(const fs::path& file_or_folder) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(file_or_folder, ignored);
  const fs::path file = is_folder ? file_or_folder / kDescriptionFile : file_or_folder;
  auto bytes = read_file(file, limits::kMaxDescriptionBytes);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) {
    return make_error(
        ErrorCode::kNotFound,
        fmt::format("{}: no swarm here: name the folder that brigade swarm create made, or a file "
                    "like its {}",
                    file_or_folder.string(), kDescriptionFile));
  }
  if (!bytes) return bytes.error();
  auto description = trust::read_description(*bytes);
  if (description) return description;
  return make_error(description.error().code,
                    fmt::format("{}: {}: get it again from somebody who has it", file.string(),
                                description.error().message));
}

Result<config::SwarmConfig> config_of(const trust::SwarmDescription& description,
                                      const fs::path& origin) {
  auto config = config::parse_swarm_config(description.swarm_toml, origin.string());
  if (config) return config;
  return make_error(config.error().code,
                    fmt::format("{}: signed by its owner, but not understood by this Brigade: "
                                "update it",
                                config.error().message));
}

Result<OwnedSwarm> load_owned_swarm(const fs::path& root) {
  BRIGADE_ASSIGN(trust::SwarmDescription description, load_description(root));
  const trust::KeyFile file = owner_key_in(root);
  auto owner = trust::load_key(file);
  if (!owner && owner.error().code == ErrorCode::kNotFound) {
    return make_error(ErrorCode::kNotFound,
                      fmt::format("{}: not there, and the swarm's owner alone can do this: restore "
                                  "the key from its copy",
                                  file.path.string()));
  }
  if (!owner) return owner.error();
  if (owner->public_key() != description.origin.owner) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: is not the key of this swarm's owner: restore the right one "
                                  "from its copy",
                                  file.path.string()));
  }
  return OwnedSwarm{std::move(*owner), std::move(description)};
}

}  // namespace brigade::cli
