// What a model's loss and samples are held against.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace brigade::stage {

/// Add-`add` smoothed byte bigram model fitted on `train`, judged on the byte pairs of
/// `validation`: nats a byte. The yardstick that `brigade local` prints beside the validation loss.
Result<double> bigram_loss(std::span<const std::uint8_t> train,
                           std::span<const std::uint8_t> validation, double add = 0.1);

struct KnownWords {
  std::uint64_t words = 0;  // of the sample
  std::uint64_t known = 0;  // of those: occur in the text
  double ratio() const {
    return words == 0 ? 0.0 : static_cast<double>(known) / static_cast<double>(words);
  }
};

/// Which of a sample's words occur in `text`, letter case aside. A word is a run of letters, with
/// apostrophes inside; a byte above 127 is a letter.
KnownWords count_known_words(std::string_view sample, std::string_view text);

}  // namespace brigade::stage
