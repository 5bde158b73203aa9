// How `brigade` explains itself: the parser's help, folded to 80 columns, and words for its errors.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace brigade::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override;
};

/// One line: what is wrong with the command line, and what to do.
std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace brigade::cli
