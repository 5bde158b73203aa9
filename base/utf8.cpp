#include "base/utf8.hpp"

#include <algorithm>
#include <cstdint>

namespace brigade {
namespace {

struct Lead {
  std::size_t bytes = 0;  // of the whole character; 0: no lead byte
  // The second byte's range is narrower after four of the lead bytes: that shuts out overlong
  // forms, surrogates and what lies above U+10FFFF (Unicode standard, table 3-7).
  std::uint8_t second_low = 0x80;
  std::uint8_t second_high = 0xbf;
};

Lead classify(std::uint8_t byte) {
  if (byte < 0x80) return {.bytes = 1};
  if (byte >= 0xc2 && byte <= 0xdf) return {.bytes = 2};
  if (byte == 0xe0) return {.bytes = 3, .second_low = 0xa0};
  if (byte == 0xed) return {.bytes = 3, .second_high = 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return {.bytes = 3};
  if (byte == 0xf0) return {.bytes = 4, .second_low = 0x90};
  if (byte >= 0xf1 && byte <= 0xf3) return {.bytes = 4};
  if (byte == 0xf4) return {.bytes = 4, .second_high = 0x8f};
  return {};
}

}  // namespace

Utf8Step utf8_step(std::string_view text) {
  const auto at = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
  const Lead lead = classify(at(0));
  if (lead.bytes == 0) return {};
  for (std::size_t index = 1; index < lead.bytes; ++index) {
    if (index == text.size()) return {.is_cut_off = true};
    const std::uint8_t low = index == 1 ? lead.second_low : 0x80;
    const std::uint8_t high = index == 1 ? lead.second_high : 0xbf;
    if (at(index) < low || at(index) > high) return {};
  }
  return {.bytes = lead.bytes, .is_sound = true};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    if (!step.is_sound) return false;
    text.remove_prefix(step.bytes);
  }
  return true;
}

std::size_t utf8_complete_prefix(std::string_view text) {
  constexpr std::size_t kLongest = 4;
  const std::size_t first = text.size() - std::min(text.size(), kLongest - 1);
  for (std::size_t start = first; start < text.size(); ++start) {
    if (utf8_step(text.substr(start)).is_cut_off) return start;
  }
  return text.size();
}

}  // namespace brigade
