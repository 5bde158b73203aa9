// Byte fields of Protobuf messages that have one length and no other.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/check.hpp"

namespace brigade::trust {

template <std::size_t size>
void set_bytes(std::string* field, const std::array<std::uint8_t, size>& bytes) {
  field->assign(bytes.begin(), bytes.end());
}

/// False, and `out` untouched, where the field has another length.
template <std::size_t size>
bool get_bytes(const std::string& field, std::array<std::uint8_t, size>& out) {
  if (field.size() != size) return false;
  std::copy(field.begin(), field.end(), out.begin());
  return true;
}

}  // namespace brigade::trust
