#include "config/toml_text.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "config/toml_reader.hpp"

namespace brigade::config {
namespace {

/// Strings and comments, followed as far as this check needs to know them. Where the text is no
/// TOML it may go astray, but the parser stops there.
class Scanner {
 public:
  bool takes_any_character() const { return is_comment_ || !quote_.empty(); }

  /// Takes what `rest` starts with, a character or the quotes of a string: how many bytes.
  std::size_t step(std::string_view rest) {
    const char c = rest.front();
    if (is_comment_) {
      is_comment_ = c != '\n';
    } else if (!quote_.empty()) {
      return step_in_string(rest);
    } else if (c == '#') {
      is_comment_ = true;
    } else if (c == '"' || c == '\'') {
      quote_.assign(quotes_in_a_row(rest, c) >= kTriple ? kTriple : 1, c);
      return quote_.size();
    }
    return utf8_step(rest).bytes;
  }

 private:
  static constexpr std::size_t kTriple = 3;

  static std::size_t quotes_in_a_row(std::string_view rest, char quote) {
    return std::min(rest.find_first_not_of(quote), rest.size());
  }

  std::size_t step_in_string(std::string_view rest) {
    const char c = rest.front();
    const bool is_long = quote_.size() == kTriple;
    if (is_escaped_ || c != quote_.front()) {
      is_escaped_ = !is_escaped_ && c == '\\' && quote_.front() == '"';
      if (c == '\n' && !is_long) quote_.clear();  // never closed: the parser's error
      return utf8_step(rest).bytes;
    }
    if (!is_long) {
      quote_.clear();
      return 1;
    }
    // Up to two quotes may stand inside, right before the three that end a long string.
    const std::size_t quotes = std::min(quotes_in_a_row(rest, c), kTriple + 2);
    if (quotes >= kTriple) quote_.clear();
    return quotes;
  }

  bool is_comment_ = false;
  bool is_escaped_ = false;
  std::string quote_;  // that ends the present string
};

const char* fault_of(std::string_view rest, const Scanner& scanner) {
  const auto byte = static_cast<unsigned char>(rest.front());
  if (byte == 0x7f || (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')) {
    return "a control character";
  }
  if (byte < 0x80) return nullptr;
  if (!utf8_step(rest).is_sound) return "bytes that are no UTF-8";
  if (!scanner.takes_any_character()) return "a character beyond ASCII outside a string or comment";
  return nullptr;
}

Place place_at(std::string_view text, std::size_t offset) {
  Place place{1, 1};
  for (std::size_t index = 0; index < offset; index += utf8_step(text.substr(index)).bytes) {
    place = text[index] == '\n' ? Place{place.line + 1, 1} : Place{place.line, place.column + 1};
  }
  return place;
}

}  // namespace

Result<> check_toml_text(std::string_view text, const std::string& origin) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  Scanner scanner;
  for (std::size_t offset = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
       offset < text.size();) {
    const std::string_view rest = text.substr(offset);
    if (const char* fault = fault_of(rest, scanner)) {
      return make_error(ErrorCode::kBadInput, at(origin, place_at(text, offset)) + fault);
    }
    offset += scanner.step(rest);
  }
  return {};
}

}  // namespace brigade::config
