// The metadata entry "brigade" of a checkpoint: JSON text to and from CheckpointHeader.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "stage_runtime/checkpoint.hpp"

namespace brigade::stage {

inline constexpr std::string_view kMetadataKey = "brigade";
inline constexpr std::string_view kChecksumKey = "brigade.xxh3";

std::string to_json(const CheckpointHeader& header);
/// kCorrupt where a field is missing, of a wrong type or out of bounds. Any bytes may come.
Result<CheckpointHeader> parse_checkpoint_header(std::string_view json);

}  // namespace brigade::stage
