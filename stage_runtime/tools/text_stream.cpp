#include "stage_runtime/tools/text_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/utf8.hpp"

namespace brigade::stage {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

constexpr std::size_t kGroup = 4;  // ids; a character has at most four bytes, hence byte pieces

bool is_shown(std::string_view character) {
  const auto byte = static_cast<unsigned char>(character.front());
  if (byte == '\n' || byte == '\t') return true;
  const bool is_c1 = byte == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
  return byte >= 0x20 && byte != 0x7f && !is_c1;
}

}  // namespace

std::string shown_text(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const Utf8Step step = utf8_step(bytes);
    const std::string_view character = bytes.substr(0, step.bytes);
    text += step.is_sound && is_shown(character) ? character : kReplacement;
    bytes.remove_prefix(step.bytes);
  }
  return text;
}

TextStream::TextStream(const Tokenizer& tokenizer, std::span<const std::int32_t> prompt)
    : tokenizer_(tokenizer) {
  const std::size_t kept = std::min(prompt.size(), kGroup);
  context_.assign(prompt.end() - static_cast<std::ptrdiff_t>(kept), prompt.end());
}

/// Empty while the newest ids end inside a character that only later ids complete.
std::string TextStream::decode_new() {
  const std::string before = tokenizer_.decode(context_);
  std::vector<std::int32_t> all = context_;
  all.insert(all.end(), fresh_.begin(), fresh_.end());
  const std::string after = tokenizer_.decode(all);
  const bool continues = after.starts_with(before);
  const bool is_whole = continues && after.size() > before.size() && !after.ends_with(kReplacement);
  if (!is_whole && fresh_.size() < kGroup) return {};
  const std::string text = continues ? after.substr(before.size()) : tokenizer_.decode(fresh_);
  context_ = std::exchange(fresh_, {});
  return text;
}

std::string TextStream::push(std::int32_t id) {
  fresh_.push_back(id);
  held_ += decode_new();
  const std::size_t whole = utf8_complete_prefix(held_);
  const std::string text = shown_text(std::string_view(held_).substr(0, whole));
  held_.erase(0, whole);
  return text;
}

std::string TextStream::finish() {
  if (!fresh_.empty()) held_ += tokenizer_.decode(std::exchange(fresh_, {}));
  return shown_text(std::exchange(held_, {}));
}

}  // namespace brigade::stage
