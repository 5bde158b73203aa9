#include "stage_runtime/tools/checkpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

namespace brigade::stage {
namespace {

namespace fs = std::filesystem;

struct Id {
  std::uint32_t epoch = 0;
  std::uint64_t position = 0;
  auto operator<=>(const Id&) const = default;
};

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{};
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::optional<Id> parse_name(std::string_view name) {
  Id id;
  const bool fits = take_word(name, "step-") && take_number(name, id.position) &&
                    take_word(name, "-e") && take_number(name, id.epoch) && name == ".safetensors";
  return fits ? std::optional(id) : std::nullopt;
}

using Candidates = std::map<Id, std::vector<fs::path>>;

void collect_files(const fs::path& folder, Candidates& candidates) {
  std::error_code ignored;  // a folder that is not there holds nothing
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto id = parse_name(entry.path().filename().string());
    if (id && entry.is_regular_file(ignored)) candidates[*id].push_back(entry.path());
  }
}

Candidates collect(const fs::path& folder) {
  Candidates candidates;
  collect_files(folder, candidates);
  collect_files(folder / "checkpoints", candidates);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.path().filename().string().starts_with("node-")) continue;
    collect_files(entry.path() / "checkpoints", candidates);
  }
  for (auto& [id, files] : candidates) std::sort(files.begin(), files.end());
  return candidates;
}

Result<ModelFiles> load(const std::vector<fs::path>& files) {
  for (const fs::path& file : files) BRIGADE_TRY(verify_checkpoint(file));
  return find_model(files);
}

}  // namespace

bool has_checkpoint_files(const std::filesystem::path& folder) {
  return !collect(folder).empty();
}

Result<FoundCheckpoint> find_checkpoint(const std::filesystem::path& folder,
                                        std::optional<std::uint64_t> position) {
  Candidates candidates = collect(folder);
  if (position) {
    std::erase_if(candidates, [&](const auto& entry) { return entry.first.position != *position; });
  }
  if (candidates.empty()) {
    return make_error(
        ErrorCode::kNotFound,
        position ? fmt::format("{} has no checkpoint at micro-batch {}", folder.string(), *position)
                 : fmt::format("{} has no checkpoints", folder.string()));
  }
  FoundCheckpoint found;
  for (auto candidate = candidates.rbegin(); candidate != candidates.rend(); ++candidate) {
    auto files = load(candidate->second);
    if (files) {
      found.files = std::move(*files);
      return found;
    }
    found.notes.push_back(fmt::format("passed over the checkpoint at micro-batch {}: {}",
                                      candidate->first.position, files.error().message));
  }
  return make_error(ErrorCode::kCorrupt,
                    fmt::format("{} has no checkpoint that is sound at every stage; the newest: {}",
                                folder.string(), found.notes.front()));
}

}  // namespace brigade::stage
