// A table of options bound to one configuration: what parsing and writing work on.
#pragma once

#include <cstddef>
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

/// The tables of a list: its element 0 is bound as "name[0].key".
template <class Element>
void bind_list(std::span<const OptionOf<Element>> options, std::vector<Element>& list,
               const std::string& name, std::vector<Bound>& table) {
  for (std::size_t index = 0; index < list.size(); ++index) {
    const std::string prefix = name + "[" + std::to_string(index) + "].";
    const auto more = bind_table(options, list[index], prefix);
    table.insert(table.end(), more.begin(), more.end());
  }
}

/// Stores every entry; the first that is unknown or unfit is the error, with its place.
Result<> apply(std::span<const Entry> entries, std::span<const Bound> table,
               const std::string& origin);
/// "run.batch must be …" for the first setting outside its domain.
Result<> recheck(std::span<const Bound> table);

/// TOML in the order of the table, a heading where the section changes, each key with its meaning.
std::string to_toml(std::span<const Bound> table);

/// How many [[name]] there are: each has an entry of its own, and they come in order.
std::size_t count_tables(std::span<const Entry> entries, std::string_view name);

/// Reads no file: where the entry `key` stands, or line 0.
Place place_of(std::span<const Entry> entries, std::string_view key);

}  // namespace brigade::config
