// brigade generate: text that a checkpoint writes.
#include <memory>

#include "cli/commands.hpp"
#include "cli/stage_flags.hpp"
#include "cli/stage_program.hpp"

namespace brigade::cli {

void add_generate(CLI::App& app, Chosen& chosen) {
  struct Flags : StageFlags {
    std::string prompt;
    std::string tokens;
    std::string temperature;
    std::string top_k;
    std::string seed;
  };
  CLI::App* command = app.add_subcommand("generate", "Let a checkpoint write text");
  const auto flags = std::make_shared<Flags>();
  flags->add_folder(*command);
  command->add_option("--prompt", flags->prompt, "text to go on from")->type_name("TEXT");
  command->add_option("--tokens", flags->tokens, "tokens to write (default: 200)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--temperature", flags->temperature,
                   "0: always the likeliest token; 1: as the model says (default: 0.8)")
      ->type_name("X")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--top-k", flags->top_k, "only the K likeliest tokens (default: all)")
      ->type_name("K")
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", flags->seed, "the same seed, the same text (default: 1)")
      ->type_name("S")
      ->check(CLI::NonNegativeNumber);
  flags->add_device(*command);
  flags->add_json(*command);
  command->footer(
      "Examples:\n"
      "  brigade generate brigade-out\n"
      "  brigade generate brigade-out --prompt \"Love is\" --tokens 300 --temperature 0.7 --top-k "
      "40");
  command->callback([flags, &chosen] {
    chosen = [flags] {
      auto arguments = flags->arguments();
      append_flag(arguments, "--prompt", flags->prompt);
      append_flag(arguments, "--tokens", flags->tokens);
      append_flag(arguments, "--temperature", flags->temperature);
      append_flag(arguments, "--top-k", flags->top_k);
      append_flag(arguments, "--seed", flags->seed);
      return become_stage_program("generate", arguments);
    };
  });
}

}  // namespace brigade::cli
