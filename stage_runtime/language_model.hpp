// A whole model for evaluation, generation and export: read from a Hugging Face folder (config.json
// and *.safetensors) or from the checkpoint files of any split. The facade of the program
// brigade-stage: no torch type in it, no torch exception leaves it.
//
// Threading: one thread at a time. Errors: kNotFound, kCorrupt, kBadInput, kIo, kUnsupported; each
// names the file and what to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

struct ModelFiles {
  ModelShape model;
  std::vector<std::filesystem::path> weights;  // safetensors files that together hold the model
  std::optional<CheckpointInfo> checkpoint;    // of the head's file, where it is ours
};

/// What lies in `folder`: its *.safetensors files, and their shape from config.json or from the
/// checkpoints' own metadata. Refuses a folder with the stages of two different checkpoints.
Result<ModelFiles> find_model(const std::filesystem::path& folder);
/// The same from named checkpoint files, one a stage.
Result<ModelFiles> find_model(std::span<const std::filesystem::path> files);

class LanguageModel {
 public:
  static Result<std::unique_ptr<LanguageModel>> load(const ModelFiles& files,
                                                     const std::string& device,
                                                     std::uint32_t threads);
  virtual ~LanguageModel() = default;

  virtual const ModelShape& shape() const = 0;
  virtual std::uint64_t parameters() const = 0;
  /// Scores of the token after the last one, (vocabulary). Only the last `context` tokens count.
  virtual Result<std::vector<float>> logits(std::span<const std::int32_t> tokens) = 0;
  /// Summed loss of `batch` sequences of T+1 tokens, row-major; T ≤ context.
  virtual Result<Loss> loss(std::span<const std::int32_t> tokens, std::uint32_t batch) = 0;
};

/// Writes a folder that `transformers` loads as GPT2LMHeadModel: model.safetensors (no optimiser
/// state) and config.json. Torch-free: the data are copied from file to file.
Result<> export_hugging_face(const ModelFiles& files, const std::filesystem::path& folder);

}  // namespace brigade::stage
