// Finds the newest checkpoint of a run that is sound at every stage. No torch.
//
// Files are named step-<position>-e<epoch>.safetensors, one a stage, in the folder itself, in its
// checkpoints/, or in the node-K/checkpoints/ below it. Newest: the latest epoch, in it the latest
// position. A checkpoint of which a file is damaged or missing is passed over with a note.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "stage_runtime/language_model.hpp"

namespace brigade::stage {

struct FoundCheckpoint {
  ModelFiles files;
  std::vector<std::string> notes;  // one line each: what was passed over and why
};

/// `position`: that one only. kNotFound: there are no checkpoint files; kCorrupt: none of those
/// there is sound. Reads every file of a candidate to the end.
Result<FoundCheckpoint> find_checkpoint(const std::filesystem::path& folder,
                                        std::optional<std::uint64_t> position);

/// Does `folder` hold checkpoint files in one of these places?
bool has_checkpoint_files(const std::filesystem::path& folder);

}  // namespace brigade::stage
