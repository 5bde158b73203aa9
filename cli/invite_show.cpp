// brigade invite show: what an invite says, checked as a node would check it.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/invite_terms.hpp"
#include "cli/wall_clock.hpp"
#include "trust/invite.hpp"

namespace brigade::cli {

namespace {

struct InviteShowFlags {
  std::vector<std::string> words;
  bool prints_json = false;
};

Exit show(const InviteShowFlags& flags) {
  const auto invite = trust::read_invite(invite_text(flags.words));
  if (!invite) return fail(Exit::kFailed, invite.error());
  if (flags.prints_json) {
    std::puts(to_json(*invite, now_unix_s()).dump().c_str());
    return Exit::kDone;
  }
  for (const std::string& line : describe_invite(*invite, now_unix_s())) std::puts(line.c_str());
  return Exit::kDone;
}

}  // namespace

CLI::App* add_invite_show(CLI::App& invite, Chosen& chosen) {
  CLI::App* command = invite.add_subcommand("show", "Check an invite and show what it says");
  const auto flags = std::make_shared<InviteShowFlags>();
  command
      ->add_option("LINE", flags->words,
                   "the invite, in one piece or as it was broken; -: read from stdin, so that it "
                   "is in no shell's history")
      ->required();
  command->add_flag("--json", flags->prints_json, "one JSON object");
  command->footer(
      "Exit code 1 if it is cut, mistyped or forged. An invite that has expired is shown,\n"
      "and said to be.\n\n"
      "Examples:\n"
      "  brigade invite show brigade1-CtEBCiC…\n"
      "  brigade invite show - --json < invite.txt");
  command->callback([flags, &chosen] { chosen = [flags] { return show(*flags); }; });
  return command;
}

}  // namespace brigade::cli
