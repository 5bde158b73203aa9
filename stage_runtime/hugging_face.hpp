// config.json of a Hugging Face GPT-2, read and written.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

/// kBadInput where the file describes a model that is no GPT-2 as Brigade computes it (another
/// architecture, another activation, scaled attention weights), naming the field.
Result<ModelShape> read_hugging_face_config(const std::filesystem::path& file);

std::string hugging_face_config(const ModelShape& model);

}  // namespace brigade::stage
