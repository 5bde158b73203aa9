// Checkpoints of a stage: one safetensors file with Hugging Face names, moments under
// "optimizer.<moment>.<name>", and a metadata entry "brigade" (JSON) that says what it is. The
// entry "brigade.xxh3" is the XXH3-64 of the whole file with its own digits as zeros, so that a
// flipped bit is found wherever it is.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "stage_runtime/safetensors.hpp"
#include "stage_runtime/snapshot.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

/// What a checkpoint's metadata says.
struct CheckpointHeader {
  CheckpointInfo info;  // model and slice included
  std::string method;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  OptimizerCounters counters;
};

/// Absent where the file is no checkpoint of ours (plain Hugging Face weights).
Result<std::optional<CheckpointHeader>> read_checkpoint_header(const SafetensorsFile& file);

/// kCorrupt if the checksum in the metadata is not that of the bytes.
Result<> verify_checksum(const SafetensorsFile& file);

/// Where restored state goes: buffers of layout.buffer_size() elements; empty moments are not read.
struct RestoreTarget {
  const ModelShape& model;
  const Layout& layout;
  std::span<float> weights;
  std::array<std::span<float>, kMoments> moments;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
};

/// Finds every parameter of the layout in one of `files` (checkpoints of any split, or Hugging Face
/// weights), converts it to fp32 and copies it. Moments that no file has become zero. Returns the
/// counters of the file that holds the layout's first parameter. Where that was trained with
/// another optimiser than the target's, moments and counters start afresh: what one accumulated
/// means something else to the other.
Result<OptimizerCounters> restore_state(std::span<const std::filesystem::path> files,
                                        const RestoreTarget& target);

}  // namespace brigade::stage
