// Fields of Protobuf messages: byte strings of one length and no other, and texts that strangers
// wrote.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

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

/// Such texts go to terminals and logs: ASCII without control characters and spaces.
inline bool is_word(std::string_view text, std::size_t max_bytes) {
  return !text.empty() && text.size() <= max_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace brigade::trust
