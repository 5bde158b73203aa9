#include "cli/help.hpp"

#include <fmt/format.h>

#include <sstream>
#include <string_view>
#include <vector>

#include "config/option.hpp"

namespace brigade::cli {

namespace {

constexpr std::size_t kNameColumns = 28;
constexpr std::size_t kTextColumns = 80 - kNameColumns;

std::string folded(const std::string& text) {
  std::istringstream words(text);
  std::string result;
  std::size_t used = 0;
  for (std::string word; words >> word;) {
    if (used > 0 && used + 1 + word.size() > kTextColumns) {
      result += '\n';
      used = 0;
    }
    if (used > 0) result += ' ';
    used += word.size() + (used > 0 ? 1 : 0);
    result += word;
  }
  return result;
}

// The command that the user was in.
const CLI::App& deepest(const CLI::App& app) {
  const auto picked = app.get_subcommands();
  return picked.empty() ? app : deepest(*picked.front());
}

std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return (parent == nullptr ? "" : full_name(*parent) + " ") + app.get_name();
}

// "unknown flag --step: did you mean --steps?"
std::string describe_unknown(const CLI::App& command, const std::string& word) {
  std::vector<std::string> names;
  const bool is_flag = word.starts_with("-");
  if (is_flag) {
    for (const CLI::Option* option : command.get_options()) names.push_back(option->get_name());
  } else {
    for (const CLI::App* other : command.get_subcommands({})) names.push_back(other->get_name());
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view meant = config::nearest(word.substr(0, word.find('=')), candidates);
  const std::string_view what = is_flag ? "flag" : names.empty() ? "argument" : "command";
  return meant.empty() ? fmt::format("unknown {} {}: see {} --help", what, word, full_name(command))
                       : fmt::format("unknown {} {}: did you mean {}?", what, word, meant);
}

}  // namespace

HelpFormatter::HelpFormatter() {
  column_width(kNameColumns);
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  return CLI::Formatter::make_usage(app, std::move(name)) + "\n";
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  const std::string type = option->get_type_name();
  // Bounds and types that the parser appends are said in words, where they matter.
  const std::size_t colon = type.find(':');
  const bool is_ours = colon == std::string::npos || colon + 2 >= type.size();  // "cuda:N"
  const std::string shown = is_ours ? type : type.substr(0, colon);
  return option->get_positional() || shown.empty() ? "" : " " + shown;
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return folded(option->get_description());
}

std::string HelpFormatter::make_group(std::string group, bool is_positional,
                                      std::vector<const CLI::Option*> options) const {
  std::string text =
      CLI::Formatter::make_group(std::move(group), is_positional, std::move(options));
  const std::size_t start = text.find_first_not_of('\n');
  return start == std::string::npos ? text : text.substr(start);
}

std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = deepest(app);
  const std::vector<std::string> unknown = app.remaining(true);
  if (!unknown.empty()) return describe_unknown(command, unknown.front());
  std::string what = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    what = what.substr(0, what.find(':')) + ": needs a value";
  }
  return fmt::format("{}: see {} --help", what, full_name(command));
}

}  // namespace brigade::cli
