#include "config/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace brigade::config {
namespace {

std::string_view section_of(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
}

std::string_view last_part(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

const Bound* find(std::span<const Bound> table, std::string_view key) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const Bound& b) { return b.key == key; });
  return found == table.end() ? nullptr : &*found;
}

bool is_section(std::span<const Bound> table, std::string_view key) {
  return std::any_of(table.begin(), table.end(),
                     [&](const Bound& bound) { return section_of(bound.key) == key; });
}

/// The same name in another section is what was meant more often than a near miss.
std::string_view suggestion(std::span<const Bound> table, std::string_view key) {
  for (const Bound& bound : table) {
    if (last_part(bound.key) == last_part(key)) return bound.key;
  }
  std::vector<std::string_view> keys;
  for (const Bound& bound : table) keys.push_back(bound.key);
  return nearest(key, keys);
}

Error unknown_key(std::span<const Bound> table, const Entry& entry, const std::string& origin) {
  constexpr std::size_t kLongest = 80;
  const std::string_view key = std::string_view(entry.key).substr(0, kLongest);
  const std::string_view meant = suggestion(table, key);
  return make_error(ErrorCode::kBadInput,
                    fmt::format("{}unknown key {}{}", at(origin, entry.key_at), key,
                                meant.empty() ? ", see docs/configuration.md"
                                              : fmt::format("; did you mean {}?", meant)));
}

}  // namespace

Result<> apply(std::span<const Entry> entries, std::span<const Bound> table,
               const std::string& origin) {
  for (const Entry& entry : entries) {
    if (const Bound* bound = find(table, entry.key)) {
      if (auto done = assign(bound->option->domain, bound->field, entry.value); !done) {
        return make_error(ErrorCode::kBadInput, fmt::format("{}{} {}", at(origin, entry.value_at),
                                                            entry.key, done.error().message));
      }
    } else if (!is_section(table, entry.key)) {
      return unknown_key(table, entry, origin);
    } else if (const auto* foreign = std::get_if<Foreign>(&entry.value);
               foreign == nullptr || foreign->what != "a table") {
      return make_error(ErrorCode::kBadInput,
                        fmt::format("{}{} is a section: write [{}]", at(origin, entry.key_at),
                                    entry.key, entry.key));
    }
  }
  return {};
}

Result<> recheck(std::span<const Bound> table) {
  for (const Bound& bound : table) {
    if (auto done = recheck(bound.option->domain, bound.field); !done) {
      return make_error(ErrorCode::kBadInput, bound.key + " " + done.error().message);
    }
  }
  return {};
}

std::string to_toml(std::span<const Bound> table) {
  constexpr std::size_t kCommentColumn = 28;
  std::string text;
  std::string_view section;
  for (const Bound& bound : table) {
    if (section_of(bound.option->key) != section) {
      section = section_of(bound.option->key);
      text += fmt::format("\n[{}]\n", section);
    }
    const std::string line = fmt::format("{} = {}", last_part(bound.option->key),
                                         written(bound.option->domain, bound.field));
    text += fmt::format("{:<{}}  # {}\n", line, kCommentColumn, bound.option->meaning);
  }
  return text;
}

std::size_t count_tables(std::span<const Entry> entries, std::string_view name) {
  std::size_t count = 0;
  for (const Entry& entry : entries) {
    if (entry.key == fmt::format("{}[{}]", name, count)) ++count;
  }
  return count;
}

Place place_of(std::span<const Entry> entries, std::string_view key) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries.end() ? Place{} : found->value_at;
}

}  // namespace brigade::config
