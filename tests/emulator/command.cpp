#include "tests/emulator/command.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>

namespace brigade::emulator {

namespace {

struct Unit {
  std::string_view suffix;
  double factor;
};
constexpr std::array<Unit, 4> kTimes = {{{"us", 1e3}, {"ms", 1e6}, {"ns", 1}, {"s", 1e9}}};
constexpr std::array<Unit, 4> kRates = {{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}}};
constexpr std::array<Unit, 5> kSizes = {
    {{"kB", 1e3}, {"MB", 1e6}, {"KiB", 1024}, {"MiB", 1024.0 * 1024}, {"", 1}}};
constexpr std::array<Unit, 2> kRatios = {{{"%", 0.01}, {"", 1}}};
constexpr double kMaxSeconds = 86'400;

/// A number that is not negative, and its unit; the first unit that fits decides.
std::optional<double> measured(std::string_view text, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.suffix)) continue;
    const std::string_view number = text.substr(0, text.size() - unit.suffix.size());
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc{} || end != number.data() + number.size()) continue;
    if (std::isfinite(value) && value >= 0) return value * unit.factor;
  }
  return std::nullopt;
}

Error wrong(std::string_view key, std::string_view value, std::string_view expected) {
  return make_error(ErrorCode::kBadInput, fmt::format("{} {}: must be {}", key, value, expected));
}

Result<> set_time(Duration& field, std::string_view key, std::string_view text) {
  const auto time = measured(text, kTimes);
  if (!time || *time > kMaxSeconds * 1e9) return wrong(key, text, "a time such as 20ms or 0.5s");
  field = Duration(static_cast<Duration::rep>(*time));
  return {};
}

Result<> set_bytes(std::uint64_t& field, std::string_view key, std::string_view text) {
  const auto bytes = measured(text, kSizes);
  if (!bytes || *bytes > static_cast<double>(kMaxHeldBytes))
    return wrong(key, text, "a size such as 1500, 64kB or 1MB, at most 256MiB");
  field = static_cast<std::uint64_t>(*bytes);
  return {};
}

Result<> set_ratio(double& field, std::string_view key, std::string_view text) {
  const auto ratio = measured(text, kRatios);
  if (!ratio || *ratio > 1) return wrong(key, text, "a part such as 0.1% or 0.001, at most 1");
  field = *ratio;
  return {};
}

Result<> set_jitter(Shape& shape, std::string_view text) {
  if (text == "none" || text == "uniform") {
    shape.jitter = text == "none" ? Jitter::kNone : Jitter::kUniform;
    return {};
  }
  if (!set_time(shape.deviation, "jitter", text))
    return wrong("jitter", text, "none, uniform, or a deviation such as 10ms");
  shape.jitter = Jitter::kNormal;
  return {};
}

Result<> set_rate(Shape& shape, std::string_view text) {
  const auto rate = text == "none" ? std::optional(0.0) : measured(text, kRates);
  if (!rate || (*rate == 0 && text != "none"))
    return wrong("rate", text, "none or a rate such as 20mbit, above 0");
  shape.rate_bits_per_s = *rate;
  return {};
}

Result<> set(Shape& shape, std::string_view key, std::string_view value) {
  if (key == "delay") return set_time(shape.delay, key, value);
  if (key == "jitter") return set_jitter(shape, value);
  if (key == "hold") return set_time(shape.hold, key, value);
  if (key == "rate") return set_rate(shape, value);
  if (key == "burst") return set_bytes(shape.burst_bytes, key, value);
  if (key == "queue") return set_bytes(shape.queue_bytes, key, value);
  if (key == "loss") return set_ratio(shape.loss_ratio, key, value);
  if (key == "duplicate") return set_ratio(shape.duplicate_ratio, key, value);
  if (key == "reorder") {
    if (value != "on" && value != "off") return wrong(key, value, "on or off");
    shape.reorders = value == "on";
    return {};
  }
  return wrong("link", key,
               "delay, jitter, hold, rate, burst, queue, loss, duplicate or reorder, and a value");
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  line = line.substr(0, line.find('#'));
  while (true) {
    const std::size_t start = line.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const std::size_t end = std::min(line.find_first_of(" \t\r\n"), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::optional<Command::Kind> kind_of(std::string_view word) {
  using Kind = Command::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 6> kKinds = {
      {{"link", Kind::kLink},
       {"partition", Kind::kPartition},
       {"heal", Kind::kHeal},
       {"counters", Kind::kCounters},
       {"nodes", Kind::kNodes},
       {"quit", Kind::kQuit}}};
  for (const auto& [name, kind] : kKinds) {
    if (name == word) return kind;
  }
  return std::nullopt;
}

/// Takes "A B" or "A>B" from the front of `words`.
Result<> take_ends(std::vector<std::string>& words, Command& command) {
  const std::size_t arrow = words.empty() ? std::string::npos : words[0].find('>');
  if (arrow != std::string::npos) {
    command.is_one_way = true;
    command.from = words[0].substr(0, arrow);
    command.to = words[0].substr(arrow + 1);
    words.erase(words.begin());
    if (!command.from.empty() && !command.to.empty()) return {};
  } else if (words.size() >= 2) {
    command.from = words[0];
    command.to = words[1];
    words.erase(words.begin(), words.begin() + 2);
    return {};
  }
  return make_error(ErrorCode::kBadInput, "name two nodes: A B, or A>B for one direction");
}

}  // namespace

bool is_blank(std::string_view line) {
  return words_of(line).empty();
}

Result<> change(Shape& shape, const std::vector<std::string>& settings) {
  if (settings.empty() || settings.size() % 2 != 0)
    return make_error(ErrorCode::kBadInput, "link A B needs pairs of KEY VALUE");
  for (std::size_t i = 0; i < settings.size(); i += 2)
    BRIGADE_TRY(set(shape, settings[i], settings[i + 1]));
  return {};
}

Result<Command> parse_command(std::string_view line) {
  std::vector<std::string> words = words_of(line);
  Command command;
  if (words.size() >= 2 && words[0] == "at") {
    Duration when{};
    if (!set_time(when, "at", words[1] + "s")) return wrong("at", words[1], "seconds: at 12.5 …");
    command.at = when;
    words.erase(words.begin(), words.begin() + 2);
  }
  const auto kind = words.empty() ? std::nullopt : kind_of(words[0]);
  if (!kind) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: must be link, partition, heal, counters, nodes or quit",
                                  words.empty() ? "nothing" : words[0]));
  }
  command.kind = *kind;
  words.erase(words.begin());
  const bool changes = *kind == Command::Kind::kLink || *kind == Command::Kind::kPartition ||
                       *kind == Command::Kind::kHeal;
  if (!changes && command.at)
    return make_error(ErrorCode::kBadInput, "at: only link, partition and heal can be timed");
  if (changes) BRIGADE_TRY(take_ends(words, command));
  if (*kind == Command::Kind::kLink) {
    Shape scratch;
    BRIGADE_TRY(change(scratch, words));
    command.settings = std::move(words);
  } else if (!words.empty()) {
    return make_error(ErrorCode::kBadInput, fmt::format("{}: one word too many", words[0]));
  }
  return command;
}

}  // namespace brigade::emulator
