#include "config/toml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "config/toml_text.hpp"

// toml++ 3.3 asserts of its input what the lines below the assertion check again and report (that a
// key follows '[', a digit in a time: found by fuzzing), and hands the same to clang as
// assumptions. Without both, its error paths do their work.
#ifndef NDEBUG
#define NDEBUG
#endif
#define __builtin_assume(...) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>
#undef __builtin_assume

namespace brigade::config {
namespace {

Place place_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

Value whole_value(std::int64_t number) {
  if (number < 0) return number;
  return static_cast<std::uint64_t>(number);
}

std::optional<std::vector<std::uint64_t>> whole_list(const toml::array& array) {
  std::vector<std::uint64_t> list;
  for (const toml::node& node : array) {
    const auto number = node.value_exact<std::int64_t>();
    if (!number || *number < 0) return std::nullopt;
    list.push_back(static_cast<std::uint64_t>(*number));
  }
  return list;
}

Value leaf_value(const toml::node& node) {
  if (const auto is_on = node.value_exact<bool>()) return *is_on;
  if (const auto number = node.value_exact<std::int64_t>()) return whole_value(*number);
  if (const auto number = node.value_exact<double>()) return *number;
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto* array = node.as_array()) {
    if (auto list = whole_list(*array)) return *std::move(list);
    return Foreign{"a list of something else"};
  }
  return Foreign{node.is_table() ? "a table" : "a date or time"};
}

bool is_table_list(const toml::node& node) {
  const auto* array = node.as_array();
  return array != nullptr && !array->empty() && array->is_homogeneous(toml::node_type::table);
}

/// A key with a dot or bracket of its own must not pass for a path.
std::string shown_key(std::string_view key) {
  const bool is_plain = key.find_first_of(".[] \"") == std::string_view::npos;
  return is_plain ? std::string(key) : fmt::format("\"{}\"", key);
}

/// One line, whatever the parser quotes from the file.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return line;
}

/// Depth is bounded by toml++ itself (TOML_MAX_NESTED_VALUES).
void flatten(const toml::table& table, const std::string& prefix, std::vector<Entry>& out) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + shown_key(key.str());
    const auto* inner = node.as_table();
    if (inner != nullptr && !inner->empty()) {
      flatten(*inner, name + ".", out);
    } else if (is_table_list(node)) {
      std::size_t index = 0;
      for (const toml::node& element : *node.as_array()) {
        const std::string element_name = fmt::format("{}[{}]", name, index++);
        out.push_back(
            {element_name, Foreign{"a table"}, place_of(key.source()), place_of(element.source())});
        flatten(*element.as_table(), element_name + ".", out);
      }
    } else {
      out.push_back({name, leaf_value(node), place_of(key.source()), place_of(node.source())});
    }
  }
}

}  // namespace

std::string at(const std::string& origin, Place place) {
  return place.line == 0 ? origin + ": "
                         : fmt::format("{}:{}:{}: ", origin, place.line, place.column);
}

Result<std::vector<Entry>> read_toml(const std::string& text, const std::string& origin) {
  if (text.size() > limits::kMaxConfigBytes) {
    return make_error(ErrorCode::kLimit, fmt::format("{}: larger than the bound of {} bytes",
                                                     origin, limits::kMaxConfigBytes));
  }
  BRIGADE_TRY(check_toml_text(text, origin));
  const toml::parse_result parsed = toml::parse(std::string_view(text));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return make_error(ErrorCode::kBadInput,
                      at(origin, place_of(error.source())) + one_line(error.description()));
  }
  std::vector<Entry> entries;
  flatten(parsed.table(), "", entries);
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
    const auto place = [](const Entry& e) { return std::pair(e.key_at.line, e.key_at.column); };
    return place(left) < place(right);
  });
  return entries;
}

}  // namespace brigade::config
