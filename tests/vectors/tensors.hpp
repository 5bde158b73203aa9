// A tensor of a golden file, by name.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "stage_runtime/safetensors.hpp"

namespace brigade::vectors {

inline Result<std::vector<float>> read_floats(const stage::SafetensorsFile& file,
                                              std::string_view name) {
  const stage::TensorEntry* entry = file.header().find(name);
  if (entry == nullptr) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: lacks \"{}\"", file.path().string(), name));
  }
  std::vector<float> values(entry->elements());
  BRIGADE_TRY(file.read(*entry, values));
  return values;
}

}  // namespace brigade::vectors
