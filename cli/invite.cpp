// brigade invite: one line that lets others join a swarm, signed by its owner.
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "cli/commands.hpp"
#include "cli/invite_terms.hpp"
#include "cli/node_folder.hpp"
#include "cli/node_watch.hpp"
#include "cli/swarm_folder.hpp"
#include "cli/wall_clock.hpp"
#include "config/swarm_config.hpp"
#include "trust/invite.hpp"

namespace brigade::cli {

namespace {

constexpr std::chrono::milliseconds kTimeout{2'000};

struct InviteFlags {
  std::string swarm = ".";
  std::string uses = "1";
  std::string expires = "30d";
  std::vector<std::string> contacts;
};

std::string check_uses(const std::string& text) {
  if (to_uses(text)) return {};
  return fmt::format("{}: must be a whole number from 1 to {}, or any", text,
                     limits::kMaxInviteUses);
}

std::string check_expires(const std::string& text) {
  if (to_lifetime_s(text)) return {};
  return text + ": must be a time like 90m, 12h, 30d or 4w, at most a century, or never";
}

std::string check_contact(const std::string& text) {
  if (to_contact(text)) return {};
  return text + ": must be NODE@HOST:PORT, with a node's id of 64 hexadecimal digits";
}

/// Of a node of this swarm that runs here: itself and who else can be dialled, this node first.
std::vector<trust::Contact> contacts_of_running_node(const trust::Invite& invite) {
  std::vector<trust::Contact> contacts;
  const auto status = get_status((node_folder(invite) / "control.sock").string(), kTimeout);
  if (!status) return contacts;
  for (const auto& member : status->members()) {
    NodeId id;
    if (contacts.size() == limits::kMaxContacts || !member.can_be_dialled() ||
        member.standing() != "alive" || !from_hex(member.node(), id)) {
      continue;
    }
    contacts.push_back({id, member.address()});
  }
  return contacts;
}

Result<trust::Invite> make_invite(const InviteFlags& flags, const OwnedSwarm& swarm) {
  const trust::SwarmDescription& description = swarm.description;
  BRIGADE_ASSIGN(const config::SwarmConfig config, config_of(description, flags.swarm));
  trust::Invite invite;
  invite.origin = description.origin;
  BRIGADE_ASSIGN(invite.id, trust::make_invite_id());
  invite.swarm_name = config.name;
  invite.created_unix_s = now_unix_s();
  const std::uint64_t lifetime_s = to_lifetime_s(flags.expires).value_or(0);
  if (lifetime_s > 0) invite.expires_unix_s = invite.created_unix_s + lifetime_s;
  invite.uses = to_uses(flags.uses).value_or(1);
  for (const std::string& contact : flags.contacts) {
    if (const auto read = to_contact(contact)) invite.contacts.push_back(*read);
  }
  if (flags.contacts.empty()) invite.contacts = contacts_of_running_node(invite);
  return invite;
}

Exit print(const InviteFlags& flags) {
  if (flags.contacts.size() > limits::kMaxContacts) {
    return fail(Exit::kUsage, fmt::format("--contact: an invite names {} nodes at most, not {}",
                                          limits::kMaxContacts, flags.contacts.size()));
  }
  const auto swarm = load_owned_swarm(flags.swarm);
  if (!swarm) return fail(Exit::kFailed, swarm.error());
  const auto invite = make_invite(flags, *swarm);
  if (!invite) return fail(Exit::kFailed, invite.error());
  const auto line = trust::sign_invite(swarm->owner, *invite);
  if (!line) return fail(Exit::kFailed, line.error());
  if (std::puts(line->c_str()) < 0 || std::fflush(stdout) != 0) {
    return fail(Exit::kFailed,
                fmt::format("the invite could not be written: {}", std::strerror(errno)));
  }
  fmt::print(stderr, "invite {} to {}: {}; whoever has the line can use it\n",
             trust::to_hex(invite->id), invite->swarm_name,
             describe_terms(*invite, invite->created_unix_s));
  if (invite->contacts.empty()) {
    fmt::print(stderr,
               "note: it names no node to dial first: start one that others reach (brigade join {} "
               "--announce HOST:PORT) and invite again, or give --contact NODE@HOST:PORT\n",
               flags.swarm);
  }
  return Exit::kDone;
}

}  // namespace

void add_invite(CLI::App& app, Chosen& chosen) {
  CLI::App* command =
      app.add_subcommand("invite", "Let others join a swarm, with one line of text");
  const auto flags = std::make_shared<InviteFlags>();
  const auto swarm =
      command
          ->add_option("--swarm", flags->swarm,
                       "folder that brigade swarm create made (default: this folder)")
          ->type_name("DIR");
  const auto uses = command
                        ->add_option("--uses", flags->uses,
                                     "nodes that may join with it: a number, or any (default: 1)")
                        ->type_name("N")
                        ->check(CLI::Validator(check_uses, ""));
  const auto expires =
      command
          ->add_option("--expires", flags->expires,
                       "when it ends, from now: 90m, 12h, 30d, 4w, or never (default: 30d)")
          ->type_name("TIME")
          ->check(CLI::Validator(check_expires, ""));
  const auto contacts =
      command
          ->add_option("--contact", flags->contacts,
                       "node to dial first: its id (brigaded --show-id), and HOST:PORT where it "
                       "listens; again for each of up to 8 (default: those that the node of this "
                       "swarm on this machine knows)")
          ->type_name("NODE@ADDRESS")
          ->check(CLI::Validator(check_contact, ""));
  CLI::App* show = add_invite_show(*command, chosen);
  for (CLI::Option* option : {swarm, uses, expires, contacts}) show->excludes(option);
  command->footer(
      "Needs the owner's key, owner.pem in that folder. The line is all that a joiner\n"
      "needs, and any node can check it without asking anybody. It is the only line on\n"
      "stdout; send it as you would send a key.\n\n"
      "Examples:\n"
      "  brigade invite --swarm my-swarm\n"
      "  brigade invite --swarm my-swarm --uses 20 --expires 7d > invite.txt\n"
      "  brigade invite show - < invite.txt");
  command->callback([flags, command, &chosen] {
    if (command->get_subcommands().empty()) chosen = [flags] { return print(*flags); };
  });
}

}  // namespace brigade::cli
