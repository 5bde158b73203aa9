// brigade eval: the validation loss of a checkpoint.
#include <memory>

#include "cli/commands.hpp"
#include "cli/stage_flags.hpp"
#include "cli/stage_program.hpp"

namespace brigade::cli {

void add_eval(CLI::App& app, Chosen& chosen) {
  struct Flags : StageFlags {
    std::string data;
    std::string batches;
  };
  CLI::App* command = app.add_subcommand("eval", "Judge a checkpoint on the validation split");
  const auto flags = std::make_shared<Flags>();
  flags->add_folder(*command);
  command->add_option("--data", flags->data, "folder of token files (default: the run's own)")
      ->type_name("DIR");
  command->add_option("--batches", flags->batches, "batches to judge on (default: all)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  flags->add_device(*command);
  flags->add_json(*command);
  command->footer(
      "Examples:\n"
      "  brigade eval brigade-out\n"
      "  brigade eval brigade-out --checkpoint 2000 --json");
  command->callback([flags, &chosen] {
    chosen = [flags] {
      auto arguments = flags->arguments();
      append_flag(arguments, "--data", flags->data);
      append_flag(arguments, "--batches", flags->batches);
      return become_stage_program("eval", arguments);
    };
  });
}

}  // namespace brigade::cli
