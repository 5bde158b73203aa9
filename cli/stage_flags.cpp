#include "cli/stage_flags.hpp"

#include "config/node_config.hpp"

namespace brigade::cli {

namespace {

std::string check_device(const std::string& device) {
  return config::is_device(device) ? "" : device + ": must be auto, cpu or cuda:N";
}

}  // namespace

void StageFlags::add_folder(CLI::App& command) {
  command.add_option("DIR", folder, "folder of a run (--out), or of *.safetensors files")
      ->required();
  command
      .add_option("--checkpoint", checkpoint,
                  "micro-batch that the checkpoint stands at (default: the newest)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
}

void StageFlags::add_device(CLI::App& command) {
  command.add_option("--device", device, "where to compute (default: auto)")
      ->type_name("auto|cpu|cuda:N")
      ->check(CLI::Validator(check_device, ""));
  command.add_option("--threads", threads, "compute threads (default: all cores)")
      ->type_name("N")
      ->check(CLI::Range(1u, 1024u));
}

void StageFlags::add_json(CLI::App& command) {
  command.add_flag("--json", prints_json, "one JSON object");
}

std::vector<std::string> StageFlags::arguments() const {
  std::vector<std::string> arguments = {folder};
  append_flag(arguments, "--checkpoint", checkpoint);
  append_flag(arguments, "--device", device);
  append_flag(arguments, "--threads", threads);
  if (prints_json) arguments.emplace_back("--json");
  return arguments;
}

void append_flag(std::vector<std::string>& arguments, const char* name, const std::string& value) {
  if (value.empty()) return;
  arguments.emplace_back(name);
  arguments.push_back(value);
}

}  // namespace brigade::cli
