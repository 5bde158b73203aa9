// What needs the mathematics runs in brigade-stage, a program on stage_runtime: `brigade` checks
// the flags, shows the help in no time, and becomes that program with the same words.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>

#include "cli/child.hpp"
#include "cli/commands.hpp"
#include "stage_runtime/commands/flags.hpp"

namespace brigade::cli {

namespace {

/// Replaces this process by `brigade-stage words…`; returns only if that fails.
Exit become_stage_program(std::span<char*> words) {
  const auto program = find_program("brigade-stage");
  if (!program) return fail(Exit::kFailed, program.error());
  std::vector<char*> argv = {const_cast<char*>(program->c_str())};
  argv.insert(argv.end(), words.begin(), words.end());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  ::execv(program->c_str(), argv.data());
  return fail(Exit::kFailed,
              fmt::format("{}: cannot start: {}", program->string(), std::strerror(errno)));
}

/// A command that brigade-stage knows by the last of the names that lead to it.
template <class Flags>
void add(CLI::App& app, Chosen& chosen, std::span<char*> words) {
  const auto flags = std::make_shared<Flags>();
  stage::add_command(app, *flags)->callback([flags, words, &chosen] {
    chosen = [words] { return become_stage_program(words); };
  });
}

}  // namespace

void add_stage_commands(CLI::App& app, Chosen& chosen, std::span<char*> words) {
  CLI::App* data = app.add_subcommand("data", "Make token files of text");
  data->require_subcommand(1);
  data->footer("Example:\n  brigade data prepare my-texts/ --out my-tokens");
  add<stage::PrepareFlags>(*data, chosen, words.empty() ? words : words.subspan(1));
  add<stage::EvalFlags>(app, chosen, words);
  add<stage::GenerateFlags>(app, chosen, words);
  add<stage::ExportFlags>(app, chosen, words);
}

}  // namespace brigade::cli
