// One setting: its key, its flag, what values it takes, what it means. The tables in
// swarm_config.cpp and node_config.cpp are made of these; parsing, writing, checks, the CLI's
// flags and docs/configuration.md all follow the tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace brigade::config {

/// What values a setting takes. `zero` is a word that stands for 0 ("auto", "off"), or empty.
struct Whole {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::string_view zero = {};
};
struct Number {
  double low = 0;
  double high = 0;
  bool takes_low = true;  // false: above `low`
  std::string_view zero = {};
};
struct Switch {};
struct OneOf {
  std::span<const std::string_view> words;
};
struct WordOrNumber {  // kept as text
  std::span<const std::string_view> words;
  Number number;
};
struct WholeList {  // "2,2,3,1" as a flag
  Whole each;
  std::size_t max_length = 0;
};
struct Text {
  std::size_t max_bytes = 0;
  std::string_view what = {};                   // "a path", "host:port"
  bool (*accepts)(std::string_view) = nullptr;  // beyond valid UTF-8 without control characters
};
struct TextList {  // ["host:port", …]
  Text each;
  std::size_t max_length = 0;
};
using Domain = std::variant<Whole, Number, Switch, OneOf, WordOrNumber, WholeList, Text, TextList>;

/// A value as a file or the command line gives it, before a domain has judged it.
struct Foreign {
  std::string what;  // "a date", "a table": nothing that a setting could be
};
using Value = std::variant<bool, std::uint64_t, std::int64_t, double, std::string,
                           std::vector<std::uint64_t>, std::vector<std::string>, Foreign>;

/// The member that a setting is kept in.
using Field =
    std::variant<bool*, std::uint32_t*, std::uint64_t*, double*, std::string*,
                 std::filesystem::path*, std::vector<std::uint32_t>*, std::vector<std::string>*>;

struct Option {
  std::string_view key;   // "run.batch"; "name" is at the top of the file
  std::string_view flag;  // "--batch"; empty: none
  Domain domain;
  std::string_view meaning;  // with its unit, one line
};

template <class Config>
struct OptionOf : Option {
  Field (*field)(Config&) = nullptr;
};

/// "a whole number from 1 to 4096"
std::string expected(const Domain& domain);
/// Stores `value`, or says "must be a whole number from 1 to 4096, not \"eight\"" and stores
/// nothing.
Result<> assign(const Domain& domain, Field field, const Value& value);
/// What a flag's text means to this domain; text that fits no number stays text.
Value from_flag(const Domain& domain, std::string_view text);
/// TOML of the present value, in one fixed form: 4, 0.0006, "auto", [2, 2, 3, 1], true.
std::string written(const Domain& domain, Field field);
/// assign() of what the field already holds: settings may have been made in code.
Result<> recheck(const Domain& domain, Field field);

/// The candidate nearest to `word`, or empty if none is near enough to be what was meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace brigade::config
