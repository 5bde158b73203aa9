// What eval, generate and export work on: a model, and what is known of the run that it came from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/swarm_config.hpp"
#include "stage_runtime/data/tokenizer.hpp"
#include "stage_runtime/language_model.hpp"

namespace brigade::stage {

struct RunModel {
  std::filesystem::path folder;
  ModelFiles files;
  std::optional<config::SwarmConfig> swarm;  // of the folder's swarm.toml, where there is one
  std::vector<std::string> notes;            // one line each: checkpoints passed over
};

/// A run's folder (--out), a folder of checkpoint files, or a Hugging Face folder. `position`: the
/// checkpoint at that micro-batch instead of the newest sound one.
Result<RunModel> find_run_model(const std::filesystem::path& folder,
                                std::optional<std::uint64_t> position);

/// The tokeniser that the model was trained with: `named` if not empty, else the one that the
/// exported folder's brigade.json or the run's training data names, else bytes where the vocabulary
/// is that of bytes.
Result<std::unique_ptr<Tokenizer>> find_tokenizer(const RunModel& run, const std::string& named);

/// brigade.json, the note that export leaves beside the weights: which tokeniser and where from.
inline constexpr const char* kExportNote = "brigade.json";
std::string export_note(const std::string& tokenizer, const ModelFiles& files);

}  // namespace brigade::stage
