#include "stage_runtime/data/yardstick.hpp"

#include <array>
#include <cmath>
#include <string>
#include <unordered_set>
#include <vector>

namespace brigade::stage {
namespace {

constexpr std::size_t kByteValues = 256;

bool is_letter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte > 127;
}

/// Calls `visit` with every word of `text` in lower case.
template <class Visit>
void for_each_word(std::string_view text, Visit visit) {
  std::string word;
  for (std::size_t index = 0; index <= text.size(); ++index) {
    const bool is_inside = index < text.size();
    const bool joins = is_inside && text[index] == '\'' && !word.empty() &&
                       index + 1 < text.size() && is_letter(text[index + 1]);
    if (joins || (is_inside && is_letter(text[index]))) {
      const char c = text[index];
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!word.empty()) {
      visit(word);
      word.clear();
    }
  }
}

}  // namespace

Result<double> bigram_loss(std::span<const std::uint8_t> train,
                           std::span<const std::uint8_t> validation, double add) {
  if (train.size() < 2 || validation.size() < 2) {
    return make_error(ErrorCode::kBadInput, "a bigram model needs two bytes to fit and to judge");
  }
  if (!(add > 0) || !std::isfinite(add)) {
    return make_error(ErrorCode::kBadInput, "the smoothing of a bigram model must be above 0");
  }
  std::vector<double> pairs(kByteValues * kByteValues, add);
  std::array<double, kByteValues> firsts;
  firsts.fill(add * static_cast<double>(kByteValues));
  for (std::size_t index = 1; index < train.size(); ++index) {
    pairs[train[index - 1] * kByteValues + train[index]] += 1;
    firsts[train[index - 1]] += 1;
  }
  double nats = 0;
  for (std::size_t index = 1; index < validation.size(); ++index) {
    const std::uint8_t before = validation[index - 1];
    nats -= std::log(pairs[before * kByteValues + validation[index]] / firsts[before]);
  }
  return nats / static_cast<double>(validation.size() - 1);
}

KnownWords count_known_words(std::string_view sample, std::string_view text) {
  std::unordered_set<std::string> known;
  for_each_word(text, [&](const std::string& word) { known.insert(word); });
  KnownWords count;
  for_each_word(sample, [&](const std::string& word) {
    ++count.words;
    if (known.contains(word)) ++count.known;
  });
  return count;
}

}  // namespace brigade::stage
