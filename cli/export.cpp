// brigade export: a checkpoint as a Hugging Face folder.
#include <memory>

#include "cli/commands.hpp"
#include "cli/stage_flags.hpp"
#include "cli/stage_program.hpp"

namespace brigade::cli {

void add_export(CLI::App& app, Chosen& chosen) {
  struct Flags : StageFlags {
    std::string out;
  };
  CLI::App* command =
      app.add_subcommand("export", "Write a checkpoint as a folder that transformers loads");
  const auto flags = std::make_shared<Flags>();
  flags->add_folder(*command);
  command->add_option("--out", flags->out, "folder to write")->required()->type_name("DIR");
  flags->add_json(*command);
  command->footer(
      "Example:\n"
      "  brigade export brigade-out --out my-model\n"
      "  python3 -c 'import transformers as t; t.GPT2LMHeadModel.from_pretrained(\"my-model\")'");
  command->callback([flags, &chosen] {
    chosen = [flags] {
      auto arguments = flags->arguments();
      append_flag(arguments, "--out", flags->out);
      return become_stage_program("export", arguments);
    };
  });
}

}  // namespace brigade::cli
