#include "config/option.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "base/utf8.hpp"

namespace brigade::config {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(byte));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string number_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

/// As it is named in an error: short, on one line.
std::string shown(const Value& value) {
  constexpr std::size_t kLongest = 40;
  return std::visit(
      Overloaded{[](bool is_on) -> std::string { return is_on ? "true" : "false"; },
                 [](double number) { return fmt::format("{}", number); },
                 [](const std::string& text) {
                   if (text.size() <= kLongest) return toml_string(text);
                   const std::string_view start = std::string_view(text).substr(0, kLongest);
                   return toml_string(start.substr(0, utf8_complete_prefix(start))) + "…";
                 },
                 [](const std::vector<std::uint64_t>& list) {
                   return fmt::format("a list of {} numbers", list.size());
                 },
                 [](const std::vector<std::string>& list) {
                   return fmt::format("a list of {} texts", list.size());
                 },
                 [](const Foreign& foreign) { return foreign.what; },
                 [](auto whole) { return fmt::format("{}", whole); }},
      value);
}

std::string words_text(std::span<const std::string_view> words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string or_word(std::string_view word, const std::string& rest) {
  return word.empty() ? rest : fmt::format("\"{}\" or {}", word, rest);
}

bool fits(const Whole& domain, std::uint64_t number) {
  return (number >= domain.low && number <= domain.high) || (number == 0 && !domain.zero.empty());
}

bool fits(const Number& domain, double number) {
  if (!std::isfinite(number) || number > domain.high) return false;
  if (number == 0 && !domain.zero.empty()) return true;
  return domain.takes_low ? number >= domain.low : number > domain.low;
}

std::optional<double> as_number(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* whole = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return std::nullopt;
}

bool has_word(std::span<const std::string_view> words, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && std::find(words.begin(), words.end(), *text) != words.end();
}

bool is_plain_text(std::string_view text) {
  const bool has_control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  return !has_control && is_utf8(text);
}

void put_whole(Field field, std::uint64_t number) {
  if (auto* wide = std::get_if<std::uint64_t*>(&field)) {
    **wide = number;
    return;
  }
  BRIGADE_CHECK(number <= std::numeric_limits<std::uint32_t>::max(), "a bound is too wide");
  *std::get<std::uint32_t*>(field) = static_cast<std::uint32_t>(number);
}

/// True if `value` lies in the domain; only then has it been stored.
bool store(const Whole& domain, Field field, const Value& value) {
  const bool is_zero_word = !domain.zero.empty() && has_word({&domain.zero, 1}, value);
  const auto* number = std::get_if<std::uint64_t>(&value);
  if (!is_zero_word && (number == nullptr || !fits(domain, *number))) return false;
  put_whole(field, is_zero_word ? 0 : *number);
  return true;
}

bool store(const Number& domain, Field field, const Value& value) {
  const bool is_zero_word = !domain.zero.empty() && has_word({&domain.zero, 1}, value);
  const auto number = as_number(value);
  if (!is_zero_word && (!number || !fits(domain, *number))) return false;
  *std::get<double*>(field) = is_zero_word ? 0.0 : *number;
  return true;
}

bool store(const Switch&, Field field, const Value& value) {
  const auto* is_on = std::get_if<bool>(&value);
  if (is_on == nullptr) return false;
  *std::get<bool*>(field) = *is_on;
  return true;
}

bool store(const OneOf& domain, Field field, const Value& value) {
  if (!has_word(domain.words, value)) return false;
  *std::get<std::string*>(field) = std::get<std::string>(value);
  return true;
}

bool store(const WordOrNumber& domain, Field field, const Value& value) {
  auto& text = *std::get<std::string*>(field);
  if (has_word(domain.words, value)) {
    text = std::get<std::string>(value);
    return true;
  }
  const auto number = as_number(value);
  if (!number || !fits(domain.number, *number)) return false;
  text = number_text(*number);
  return true;
}

bool store(const WholeList& domain, Field field, const Value& value) {
  const auto* list = std::get_if<std::vector<std::uint64_t>>(&value);
  if (list == nullptr || list->size() > domain.max_length) return false;
  const auto is_outside = [&](std::uint64_t number) { return !fits(domain.each, number); };
  if (std::any_of(list->begin(), list->end(), is_outside)) return false;
  auto& kept = *std::get<std::vector<std::uint32_t>*>(field);
  kept.clear();
  for (const std::uint64_t number : *list) kept.push_back(static_cast<std::uint32_t>(number));
  return true;
}

bool fits(const Text& domain, const std::string& text) {
  if (text.size() > domain.max_bytes || !is_plain_text(text)) return false;
  return domain.accepts == nullptr || domain.accepts(text);
}

bool store(const TextList& domain, Field field, const Value& value) {
  auto& kept = *std::get<std::vector<std::string>*>(field);
  if (const auto* none = std::get_if<std::vector<std::uint64_t>>(&value); none && none->empty()) {
    kept.clear();  // "[]" is a list of either
    return true;
  }
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  if (list == nullptr || list->size() > domain.max_length) return false;
  const auto is_inside = [&](const std::string& text) { return fits(domain.each, text); };
  if (!std::all_of(list->begin(), list->end(), is_inside)) return false;
  kept = *list;
  return true;
}

bool store(const Text& domain, Field field, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr || !fits(domain, *text)) return false;
  if (auto* path = std::get_if<std::filesystem::path*>(&field)) {
    **path = *text;
  } else {
    *std::get<std::string*>(field) = *text;
  }
  return true;
}

/// The whole of `text` as a T, or nothing.
template <class T>
std::optional<T> parsed(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Value held(Field field) {
  return std::visit(
      Overloaded{[](std::uint32_t* number) -> Value { return std::uint64_t{*number}; },
                 [](std::filesystem::path* path) -> Value { return path->string(); },
                 [](std::vector<std::uint32_t>* list) -> Value {
                   return std::vector<std::uint64_t>(list->begin(), list->end());
                 },
                 [](auto* other) -> Value { return *other; }},
      field);
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string expected(const Domain& domain) {
  return std::visit(
      Overloaded{[](const Whole& whole) {
                   const std::uint64_t low =
                       whole.zero.empty() ? whole.low : std::max<std::uint64_t>(whole.low, 1);
                   return or_word(whole.zero,
                                  fmt::format("a whole number from {} to {}", low, whole.high));
                 },
                 [](const Number& number) {
                   const bool is_open = !number.takes_low || !number.zero.empty();
                   return or_word(
                       number.zero,
                       is_open ? fmt::format("a number above {} up to {}", number.low, number.high)
                               : fmt::format("a number from {} to {}", number.low, number.high));
                 },
                 [](const Switch&) { return std::string("true or false"); },
                 [](const OneOf& one) { return "one of " + words_text(one.words); },
                 [](const WordOrNumber& either) {
                   return fmt::format("{}, or a number from {} to {}", words_text(either.words),
                                      either.number.low, either.number.high);
                 },
                 [](const WholeList& list) {
                   return fmt::format("a list of at most {} whole numbers from {} to {}",
                                      list.max_length, list.each.low, list.each.high);
                 },
                 [](const Text& text) {
                   return fmt::format("{} of at most {} bytes", text.what, text.max_bytes);
                 },
                 [](const TextList& list) {
                   return fmt::format("a list of at most {}, each {}", list.max_length,
                                      list.each.what);
                 }},
      domain);
}

Result<> assign(const Domain& domain, Field field, const Value& value) {
  if (std::visit([&](const auto& kind) { return store(kind, field, value); }, domain)) return {};
  return make_error(ErrorCode::kBadInput,
                    fmt::format("must be {}, not {}", expected(domain), shown(value)));
}

Value from_flag(const Domain& domain, std::string_view text) {
  if (std::holds_alternative<Text>(domain)) return std::string(text);
  if (std::holds_alternative<Switch>(domain) && (text == "true" || text == "false")) {
    return text == "true";
  }
  if (std::holds_alternative<WholeList>(domain)) {
    std::vector<std::uint64_t> list;
    for (std::size_t start = 0; start <= text.size();) {
      const std::size_t comma = std::min(text.find(',', start), text.size());
      const auto number = parsed<std::uint64_t>(text.substr(start, comma - start));
      if (!number) return std::string(text);
      list.push_back(*number);
      start = comma + 1;
    }
    return list;
  }
  if (std::holds_alternative<TextList>(domain)) {
    std::vector<std::string> list;
    for (std::size_t start = 0; !text.empty() && start <= text.size();) {
      const std::size_t comma = std::min(text.find(',', start), text.size());
      list.emplace_back(text.substr(start, comma - start));
      start = comma + 1;
    }
    return list;
  }
  if (const auto number = parsed<std::uint64_t>(text)) return *number;
  if (const auto number = parsed<double>(text)) return *number;
  return std::string(text);
}

std::string written(const Domain& domain, Field field) {
  const Value value = held(field);
  if (const auto* whole = std::get_if<Whole>(&domain)) {
    const auto number = std::get<std::uint64_t>(value);
    return number == 0 && !whole->zero.empty() ? toml_string(whole->zero)
                                               : fmt::format("{}", number);
  }
  if (const auto* number = std::get_if<Number>(&domain)) {
    const double is = std::get<double>(value);
    return is == 0 && !number->zero.empty() ? toml_string(number->zero) : number_text(is);
  }
  if (const auto* list = std::get_if<std::vector<std::uint64_t>>(&value)) {
    return fmt::format("[{}]", fmt::join(*list, ", "));
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    std::vector<std::string> quoted;
    for (const std::string& text : *list) quoted.push_back(toml_string(text));
    return fmt::format("[{}]", fmt::join(quoted, ", "));
  }
  if (const auto* is_on = std::get_if<bool>(&value)) return *is_on ? "true" : "false";
  const auto& text = std::get<std::string>(value);
  const auto* either = std::get_if<WordOrNumber>(&domain);
  if (either != nullptr && !has_word(either->words, value)) return text;
  return toml_string(text);
}

Result<> recheck(const Domain& domain, Field field) {
  Value value = held(field);
  if (std::holds_alternative<WordOrNumber>(domain)) {
    value = from_flag(domain, std::get<std::string>(value));
  }
  return assign(domain, field, value);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  // A third of the letters may be wrong: beyond that a suggestion is a guess.
  std::size_t best = word.size() / 3 + 1;
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

}  // namespace brigade::config
