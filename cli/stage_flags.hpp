// Flags that eval, generate and export share: where the model is, which checkpoint, what computes.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace brigade::cli {

struct StageFlags {
  std::string folder;
  std::string checkpoint;
  std::string device;
  std::string threads;
  bool prints_json = false;

  void add_folder(CLI::App& command);
  void add_device(CLI::App& command);
  void add_json(CLI::App& command);
  /// As brigade-stage takes them; what was not given is left to its defaults.
  std::vector<std::string> arguments() const;
};

/// Appends `name value` unless the value is empty.
void append_flag(std::vector<std::string>& arguments, const char* name, const std::string& value);

}  // namespace brigade::cli
