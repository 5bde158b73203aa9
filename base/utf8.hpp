// UTF-8 as bytes: is it sound, and where does its last whole character end.
#pragma once

#include <cstddef>
#include <string_view>

namespace brigade {

struct Utf8Step {
  std::size_t bytes = 1;    // to go on by; of an unsound character: 1
  bool is_sound = false;    // a whole, shortest-form character that is no surrogate
  bool is_cut_off = false;  // unsound only because the text ends inside the character
};

/// The character that starts `text`, which is not empty.
Utf8Step utf8_step(std::string_view text);

bool is_utf8(std::string_view text);

/// Length of the longest prefix that does not end inside a character: what may be shown now when
/// more bytes will follow.
std::size_t utf8_complete_prefix(std::string_view text);

}  // namespace brigade
