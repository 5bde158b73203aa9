// brigade swarm revoke: puts a node, or an invite and all who came with it, out of a swarm.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "cli/commands.hpp"
#include "cli/node_folder.hpp"
#include "cli/node_watch.hpp"
#include "cli/revoked_terms.hpp"
#include "cli/swarm_folder.hpp"
#include "cli/wall_clock.hpp"
#include "trust/key_file.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kTimeout{5'000};

struct RevokeFlags {
  std::vector<std::string> who;
  std::string swarm = ".";
  std::string reason;
  std::string socket;
  bool prints_json = false;
};

/// The node of the swarm on this machine: the one that tells the others, and is not put out.
struct OwnNode {
  fs::path folder;
  std::string socket;
  control::v1::NodeStatus status;  // empty: it does not run
};

Result<OwnNode> find_own_node(const RevokeFlags& flags, const OwnedSwarm& swarm) {
  BRIGADE_ASSIGN(const config::SwarmConfig config, config_of(swarm.description, flags.swarm));
  trust::Invite invite;
  invite.origin = swarm.description.origin;
  invite.swarm_name = config.name;
  OwnNode own;
  own.folder = node_folder(invite);
  own.socket = flags.socket.empty() ? (own.folder / "control.sock").string() : flags.socket;
  auto status = get_status(own.socket, kTimeout);
  if (status) {
    own.status = std::move(*status);
  } else if (!flags.socket.empty()) {
    return status.error();
  }
  return own;
}

Result<> check_is_not_own(const trust::Revoked& subject, const OwnNode& own) {
  const auto refused = [](const char* what) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: to have it leave the swarm, brigade leave", what));
  };
  if (const auto* node = std::get_if<NodeId>(&subject)) {
    const auto key = trust::load_key({own.folder / "identity.pem", "identity", ""});
    const bool is_own = to_hex(*node) == own.status.node() ||
                        (key && trust::node_id_of(key->public_key()) == *node);
    return is_own ? Result<>(refused("this is the node of this machine")) : Result<>();
  }
  const auto line = read_file(own.folder / "invite", limits::kMaxInviteBytes);
  const auto invite = line ? trust::read_invite(*line) : Result<trust::Invite>(line.error());
  const bool is_own = invite && subject == trust::Revoked(invite->id);
  return is_own ? Result<>(refused("the node of this machine came with this invite")) : Result<>();
}

Result<std::vector<trust::Revoked>> read_subjects(const RevokeFlags& flags,
                                                  const trust::SwarmOrigin& origin,
                                                  const OwnNode& own) {
  std::vector<trust::Revoked> subjects;
  for (const std::string& who : flags.who) {
    BRIGADE_ASSIGN(const trust::Revoked subject, to_revoked(who, origin, own.status));
    BRIGADE_TRY(check_is_not_own(subject, own));
    subjects.push_back(subject);
  }
  return subjects;
}

/// All that the owner has revoked, these included; what is revoked already stays as it was.
Result<trust::Revocations> sign(const RevokeFlags& flags, const OwnedSwarm& swarm,
                                const std::vector<trust::Revoked>& subjects) {
  const trust::SwarmOrigin& origin = swarm.description.origin;
  BRIGADE_ASSIGN(trust::Revocations all, load_owned_revocations(flags.swarm, origin));
  for (const trust::Revoked& subject : subjects) {
    BRIGADE_ASSIGN(
        const std::string bytes,
        trust::sign_revocation(swarm.owner, {origin, subject, now_unix_s(), flags.reason}));
    BRIGADE_TRY(all.add(bytes));
  }
  BRIGADE_TRY(trust::save_revocations(fs::path(flags.swarm) / trust::kRevocationsFile, all));
  return all;
}

void print(const RevokeFlags& flags, const std::vector<trust::Revoked>& subjects,
           const trust::Revocations& all, const Result<control::v1::RevokeResponse>& handed) {
  if (flags.prints_json) {
    Json json;
    json["revoked"] = Json::array();
    for (const trust::Revoked& subject : subjects)
      json["revoked"].push_back(to_json(all.of(subject)->revocation));
    json["told"] = handed ? Json(handed->told()) : Json();
    std::puts(json.dump().c_str());
    return;
  }
  for (const trust::Revoked& subject : subjects)
    fmt::print("revoked  {}\n", describe_revoked(all.of(subject)->revocation));
  if (handed)
    fmt::print("told     {} by the node of this machine, and all others through them\n",
               handed->told() == 1 ? "1 member" : fmt::format("{} members", handed->told()));
}

/// What the owner may not have thought of.
void print_notes(const std::vector<trust::Revoked>& subjects, const OwnNode& own) {
  std::set<std::string> nodes;
  for (const trust::Revoked& subject : subjects)
    if (const auto* node = std::get_if<NodeId>(&subject)) nodes.insert(to_hex(*node));
  if (nodes.size() == subjects.size())
    std::fputs(
        "note: an invite that is not used up lets whoever runs it in again as another node: revoke "
        "that too\n",
        stderr);
  std::set<std::uint32_t> left;
  std::set<std::uint32_t> lost;
  for (const auto& member : own.status.members())
    if (member.has_stage()) (nodes.contains(member.node()) ? lost : left).insert(member.stage());
  for (const std::uint32_t stage : lost)
    if (!left.contains(stage))
      fmt::print(stderr, "note: nobody else is at stage {}: training waits until somebody is\n",
                 stage);
}

Exit revoke(const RevokeFlags& flags) {
  const auto swarm = load_owned_swarm(flags.swarm);
  if (!swarm) return fail(Exit::kFailed, swarm.error());
  const auto own = find_own_node(flags, *swarm);
  if (!own) return fail(Exit::kFailed, own.error());
  const auto subjects = read_subjects(flags, swarm->description.origin, *own);
  if (!subjects) return fail(Exit::kFailed, subjects.error());
  const auto all = sign(flags, *swarm, *subjects);
  if (!all) return fail(Exit::kFailed, all.error());
  std::vector<std::string> statements;
  for (const auto& [subject, entry] : all->all()) statements.push_back(entry.bytes);
  const auto handed = hand_over(own->socket, statements, kTimeout);
  print(flags, *subjects, *all, handed);
  print_notes(*subjects, *own);
  if (handed) return Exit::kDone;
  if (handed.error().code == ErrorCode::kBadInput) return fail(Exit::kFailed, handed.error());
  fmt::print(
      stderr,
      "note: nobody is told yet, since no node of this swarm answers here ({}): once one does, "
      "run this again, or brigade join {}\n",
      handed.error().message, flags.swarm);
  return Exit::kDone;
}

}  // namespace

void add_swarm_revoke(CLI::App& swarm, Chosen& chosen) {
  CLI::App* command =
      swarm.add_subcommand("revoke", "Put a node, or all who came with an invite, out for good");
  const auto flags = std::make_shared<RevokeFlags>();
  command
      ->add_option("NODE_OR_INVITE", flags->who,
                   "a node's id, or the first 8 digits or more that brigade status shows of it; or "
                   "an invite's line")
      ->required();
  command
      ->add_option("--swarm", flags->swarm,
                   "folder that brigade swarm create made (default: this folder)")
      ->type_name("DIR");
  command
      ->add_option("--reason", flags->reason, "why, one line: all members see it, and who is out")
      ->type_name("TEXT");
  command
      ->add_option("--socket", flags->socket,
                   "control socket of the node that tells the others (default: of the one that "
                   "brigade join has started here)")
      ->type_name("PATH");
  command->add_flag("--json", flags->prints_json, "one JSON object");
  command->footer(
      "Needs the owner's key, owner.pem in that folder. The node of this machine tells the\n"
      "others; each checks the signature, closes its links with who is out and lets it in\n"
      "no more. Nothing takes it back: who was put out by mistake comes back with a key of\n"
      "its own (it removes its identity.pem), or with another invite.\n\n"
      "Examples:\n"
      "  brigade swarm revoke 1234abcd --swarm my-swarm --reason 'sends nonsense'\n"
      "  brigade swarm revoke brigade1-CtEBCiC… --swarm my-swarm\n"
      "  brigade swarm show my-swarm                       # who is out");
  command->callback([flags, &chosen] { chosen = [flags] { return revoke(*flags); }; });
}

}  // namespace brigade::cli
