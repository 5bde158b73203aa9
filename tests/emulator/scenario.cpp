#include "tests/emulator/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <variant>

#include "config/toml_reader.hpp"
#include "tests/emulator/lab.hpp"

namespace brigade::emulator {

namespace {

constexpr std::uint64_t kLeastMtu = 576;  // what every IPv4 host must take
constexpr std::uint64_t kMostMtu = 65'535;
constexpr std::size_t kMaxNameBytes = 32;

bool is_name(const std::string& word) {
  const auto is_fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return word.size() <= kMaxNameBytes && std::all_of(word.begin(), word.end(), is_fine);
}

Error wrong(const std::string& key, const std::string& expected) {
  return make_error(ErrorCode::kBadInput, fmt::format("{} must be {}", key, expected));
}

Result<> read_nodes(const std::string& text, Scenario& scenario) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto& known = scenario.nodes;
    if (!is_name(word) || std::find(known.begin(), known.end(), word) != known.end())
      return wrong("nodes", "different names of a-z, 0-9, - and _, at most 32 long, with blanks");
    scenario.nodes.push_back(word);
  }
  if (scenario.nodes.size() < 2 || scenario.nodes.size() > kMaxNodes)
    return wrong("nodes", fmt::format("2 to {} names", kMaxNodes));
  return {};
}

Result<> read_script(const std::string& text, Scenario& scenario) {
  std::istringstream lines(text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (is_blank(line)) continue;
    auto command = parse_command(line);
    if (command && command->from.empty())
      command = make_error(ErrorCode::kBadInput, "only link, partition and heal can be scripted");
    if (!command) {
      return make_error(command.error().code,
                        fmt::format("line {} of script: {}", number, command.error().message));
    }
    scenario.script.push_back(std::move(*command));
  }
  return {};
}

Result<> read_entry(const config::Entry& entry, Scenario& scenario) {
  const auto* text = std::get_if<std::string>(&entry.value);
  const auto* whole = std::get_if<std::uint64_t>(&entry.value);
  if (entry.key == "nodes") return text ? read_nodes(*text, scenario) : wrong("nodes", "text");
  if (entry.key == "script") return text ? read_script(*text, scenario) : wrong("script", "text");
  if (entry.key == "seed") {
    if (!whole) return wrong("seed", "a whole number");
    scenario.seed = *whole;
    return {};
  }
  if (entry.key == "mtu") {
    if (!whole || *whole < kLeastMtu || *whole > kMostMtu)
      return wrong("mtu", fmt::format("a whole number from {} to {}", kLeastMtu, kMostMtu));
    scenario.mtu = static_cast<std::uint32_t>(*whole);
    return {};
  }
  return make_error(
      ErrorCode::kBadInput,
      fmt::format("unknown key {}: nodes, seed, mtu and script are known", entry.key));
}

}  // namespace

Result<Scenario> parse_scenario(const std::string& text, const std::string& origin) {
  BRIGADE_ASSIGN(const auto entries, config::read_toml(text, origin));
  Scenario scenario;
  for (const config::Entry& entry : entries) {
    if (auto read = read_entry(entry, scenario); !read) {
      return make_error(read.error().code,
                        config::at(origin, entry.value_at) + read.error().message);
    }
  }
  if (scenario.nodes.empty())
    return make_error(ErrorCode::kBadInput, origin + ": nodes must be 2 to 64 names");
  // So that a script that names a node that is not there is refused before anything is made.
  Lab trial(scenario.nodes, scenario.seed, TimePoint{});
  for (const Command& command : scenario.script) {
    if (auto taken = trial.submit(TimePoint{}, command); !taken)
      return make_error(taken.error().code, origin + ": script: " + taken.error().message);
  }
  return scenario;
}

}  // namespace brigade::emulator
