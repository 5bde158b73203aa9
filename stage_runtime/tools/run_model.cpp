#include "stage_runtime/tools/run_model.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "stage_runtime/data/token_file.hpp"
#include "stage_runtime/tools/checkpoints.hpp"

namespace brigade::stage {
namespace {

constexpr std::uint32_t kByteValues = 256;

/// The tokeniser named by an export's note; nothing where there is no note.
Result<std::optional<TokenManifest>> read_export_note(const RunModel& run) {
  const std::filesystem::path note = run.folder / kExportNote;
  if (!std::filesystem::exists(note)) return std::optional<TokenManifest>{};
  BRIGADE_ASSIGN(const std::string text, read_file(note, limits::kMaxManifestBytes));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto bad =
      make_error(ErrorCode::kCorrupt,
                 fmt::format("{}: no note of an export; give --tokenizer", note.string()));
  if (!json.is_object() || !json.contains("tokenizer") || !json["tokenizer"].is_string()) {
    return bad;
  }
  TokenManifest manifest;
  manifest.tokenizer = json["tokenizer"].get<std::string>();
  manifest.vocabulary = run.files.model.vocabulary;
  if (manifest.tokenizer.empty() || manifest.tokenizer.find('/') != std::string::npos) return bad;
  return std::optional(manifest);
}

Result<TokenManifest> read_manifest(const std::filesystem::path& token_file) {
  const std::filesystem::path file = manifest_path(token_file);
  BRIGADE_ASSIGN(const std::string text, read_file(file, limits::kMaxManifestBytes));
  return parse_token_manifest(text, file.string());
}

}  // namespace

Result<RunModel> find_run_model(const std::filesystem::path& folder,
                                std::optional<std::uint64_t> position) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return make_error(ErrorCode::kNotFound,
                      fmt::format("no folder {}: give the folder of a run or of *.safetensors "
                                  "files",
                                  folder.string()));
  }
  RunModel run;
  run.folder = folder;
  if (std::filesystem::exists(folder / "swarm.toml")) {
    BRIGADE_ASSIGN(run.swarm, config::load_swarm_config(folder / "swarm.toml"));
  }
  if (position || run.swarm || has_checkpoint_files(folder)) {
    BRIGADE_ASSIGN(FoundCheckpoint found, find_checkpoint(folder, position));
    run.files = std::move(found.files);
    run.notes = std::move(found.notes);
  } else {
    BRIGADE_ASSIGN(run.files, find_model(folder));
  }
  return run;
}

Result<std::unique_ptr<Tokenizer>> find_tokenizer(const RunModel& run, const std::string& named) {
  if (!named.empty()) return Tokenizer::make(named);
  BRIGADE_ASSIGN(const auto note, read_export_note(run));
  if (note) return open_tokenizer(*note, run.folder / kExportNote);
  if (run.swarm && !run.swarm->data.train.empty()) {
    const auto manifest = read_manifest(run.swarm->data.train);
    if (manifest) return open_tokenizer(*manifest, run.swarm->data.train);
  }
  if (run.files.model.vocabulary == kByteValues) return Tokenizer::make("bytes");
  return make_error(ErrorCode::kNotFound,
                    fmt::format("{}: the tokeniser of its {} ids is not known: give --tokenizer "
                                "with a sentencepiece model",
                                run.folder.string(), run.files.model.vocabulary));
}

std::string export_note(const std::string& tokenizer, const ModelFiles& files) {
  nlohmann::ordered_json json{{"tokenizer", tokenizer}, {"tied_head", files.model.tied_head}};
  if (files.checkpoint) {
    json["microbatch"] = files.checkpoint->position;
    json["epoch"] = files.checkpoint->epoch;
  }
  return json.dump(2) + "\n";
}

}  // namespace brigade::stage
