// A model's ids as text that may be shown while it is being written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stage_runtime/data/tokenizer.hpp"

namespace brigade::stage {

/// `bytes` as sound UTF-8 that is safe on a terminal: what is no character, and every control
/// character but tab and line end, becomes U+FFFD.
std::string shown_text(std::string_view bytes);

/// Text of ids that come one at a time. A character is held back until it is whole.
class TextStream {
 public:
  /// `prompt`: the ids that come before; they are not shown.
  TextStream(const Tokenizer& tokenizer, std::span<const std::int32_t> prompt);

  /// What can be shown now, often nothing.
  std::string push(std::int32_t id);
  /// What was held back.
  std::string finish();

 private:
  std::string decode_new();

  const Tokenizer& tokenizer_;
  // A piece's text may depend on the one before it (leading spaces), so that decoding starts at ids
  // that were shown already.
  std::vector<std::int32_t> context_;
  std::vector<std::int32_t> fresh_;
  std::string held_;  // bytes of a character that is not whole yet
};

}  // namespace brigade::stage
