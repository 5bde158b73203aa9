// A table of options bound to one configuration: what parsing and writing work on.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/option.hpp"
#include "config/toml_reader.hpp"

namespace brigade::config {

struct Bound {
  std::string key;  // with the prefix of a list element: "peers[1].stage"
  const Option* option = nullptr;
  Field field;
};

template <class Config>
std::vector<Bound> bind_table(std::span<const OptionOf<Config>> options, Config& config,
                              const std::string& prefix = "") {
  std::vector<Bound> bound;
  for (const auto& option : options) {
    bound.push_back({prefix + std::string(option.key), &option, option.field(config)});
  }
  return bound;
}

/// Stores every entry; the first that is unknown or unfit is the error, with its place.
Result<> apply(std::span<const Entry> entries, std::span<const Bound> table,
               const std::string& origin);
/// "run.batch must be …" for the first setting outside its domain.
Result<> recheck(std::span<const Bound> table);

/// TOML in the order of the table, a heading where the section changes, each key with its meaning.
std::string to_toml(std::span<const Bound> table);

/// Reads no file: where the entry `key` stands, or line 0.
Place place_of(std::span<const Entry> entries, std::string_view key);

}  // namespace brigade::config
