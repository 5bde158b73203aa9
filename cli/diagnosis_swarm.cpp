// Checks of the ways to others, and of the swarm as this node sees it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/figures.hpp"
#include "cli/diagnosis.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

using MaybeFinding = std::optional<Finding>;

constexpr double kSettledAfterS = 30;  // links and members, after a start
constexpr std::size_t kShortId = 8;
constexpr const char* kOpenListen = "0.0.0.0:7070";

bool is_member(const NodeFacts& facts) {
  return facts.status && facts.status->members_size() > 0;
}

bool is_there(const control::MemberStatus& member) {
  return member.standing() == "alive";
}

bool hosts(const control::MemberStatus& member, std::uint32_t stage) {
  return member.has_stage() && member.stage() == stage &&
         (member.doing() == "serving" || member.doing() == "moving");
}

const control::MemberStatus& self_of(const NodeFacts& facts) {
  const auto& members = facts.status->members();
  const auto self = std::ranges::find_if(members, [](const auto& m) { return m.is_self(); });
  return self == members.end() ? control::MemberStatus::default_instance() : *self;
}

/// HOST:PORT as two words: "nc -vz HOST PORT".
std::string to_try(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "nc -vz " + address;
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return fmt::format("nc -vz {} {}", host, address.substr(colon + 1));
}

std::string port_of(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

/// Others get through to it, once a router lets them, and at the same port after the next start.
bool can_be_forwarded(const std::string& listen) {
  return !listen.empty() && !listen.ends_with(":0") && !is_loopback(listen);
}

/// `outer`: the port that others dial; empty: the one that is listened on.
std::string to_forward(const NodeFacts& facts, const std::string& outer = "") {
  const std::string& wanted = facts.node ? facts.node->listen : facts.status->listen();
  const bool can_be = can_be_forwarded(wanted);
  const std::string port = port_of(can_be ? wanted : kOpenListen);
  return fmt::format(
      "{}forward TCP and UDP port {} of the router to {}, port {}",
      can_be ? "" : to_set(facts, fmt::format("listen = \"{}\"", kOpenListen)) + ", then ",
      outer.empty() ? port : outer,
      facts.machine.lan_address.empty() ? "this machine" : facts.machine.lan_address, port);
}

// ---- Reachability ---------------------------------------------------------------------------

MaybeFinding judge_port(const NodeFacts& facts) {
  const ProbedAddress& own = facts.own_port;
  if (!facts.status) {
    // In a hidden folder nobody sees the lock of the node that may well be the one that listens.
    if (own.probe != Probe::kAnswered || facts.folder.holder || is_hidden(facts.folder) ||
        facts.is_socket_forbidden)
      return std::nullopt;
    return bad(fmt::format("another program listens at {} already", own.address),
               to_set(facts, "another port in listen"));
  }
  const std::string& listen = facts.status->listen();
  if (listen.empty()) return ok("does not listen: it dials out alone");
  if (own.probe != Probe::kAnswered && own.probe != Probe::kNotTried)
    return bad(fmt::format("listens at {}, but {} {}", listen, own.address, to_string(own.probe)),
               "let this machine's firewall pass that port, then start the node again");
  // The peers of a line without an owner may well be on this machine.
  if (is_member(facts) && is_loopback(listen))
    return note("listens at " + listen + ": for this machine alone",
                to_set(facts, fmt::format("listen = \"{}\"", kOpenListen)));
  return ok("listens at " + listen);
}

/// By others, at an address of its own: not through a relay.
std::size_t links_from_outside(const control::NodeStatus& status) {
  std::set<std::string> relayed;
  for (const auto& member : status.members())
    if (!member.relay().empty()) relayed.insert(member.node());
  return static_cast<std::size_t>(std::ranges::count_if(status.peers(), [&](const auto& peer) {
    return peer.is_linked() && !peer.was_dialled() && !relayed.contains(peer.node());
  }));
}

MaybeFinding judge_announced(const NodeFacts& facts) {
  const ProbedAddress& announced = facts.announced;
  if (announced.probe == Probe::kNotTried) return ok("announced, and not tried");
  if (announced.probe == Probe::kAnswered)
    return ok(fmt::format("{}, as it announces, answers", announced.address));
  const std::string text =
      fmt::format("{}, as it announces, {}", announced.address, to_string(announced.probe));
  if (announced.probe == Probe::kUnknownName)
    return bad(text, to_set(facts, "announce to an address that there is"));
  const std::size_t dialled = links_from_outside(*facts.status);
  // Not every router lets its own home in by the address outside.
  if (dialled > 0)
    return note(fmt::format("{} from here, but {} node{} dialled this one", text, dialled,
                            dialled == 1 ? "" : "s"),
                "try it from outside: " + to_try(announced.address));
  return bad(text + " from here",
             fmt::format("{}; if that is done, try it from outside, since some routers answer "
                         "nobody inside: {}; or remove announce, and members find out",
                         to_forward(facts, port_of(announced.address)), to_try(announced.address)));
}

std::set<std::string> relays_of(const control::NodeStatus& status) {
  std::set<std::string> relays;
  for (const auto& member : status.members())
    if (member.is_linked() && !member.relay().empty())
      relays.insert(member.relay().substr(0, kShortId));
  return relays;
}

MaybeFinding judge_reach(const NodeFacts& facts) {
  if (!is_member(facts)) return std::nullopt;
  const control::NodeStatus& status = *facts.status;
  const std::string& address = self_of(facts).address();
  if (status.reach() == "announced") return judge_announced(facts);
  if (status.reach() == "yes") return ok("a member dialled it at " + address);
  if (status.reach() == "no") {
    const auto relays = relays_of(status);
    const std::string through =
        relays.empty() ? "" : fmt::format(", some through {}", fmt::join(relays, ", "));
    return note(
        fmt::format("a member could not dial it at {}: links are dialled out{}", address, through),
        fmt::format("nothing has to be done; to be dialled, {}", to_forward(facts)));
  }
  const bool can_ask = std::ranges::any_of(status.members(), [](const auto& m) {
    return !m.is_self() && m.is_linked() && m.can_be_dialled();
  });
  if (can_ask) return ok("not known yet: a member is asked");
  return note("not known: no member is linked that could try",
              to_set(facts, "announce = \"HOST:PORT\", where others reach this node,"));
}

MaybeFinding judge_mapping(const NodeFacts& facts) {
  if (!is_member(facts) || facts.status->port_mapping().empty()) return std::nullopt;
  const std::string& text = facts.status->port_mapping();
  if (facts.status->reach() != "no") return ok(text);
  if (text.find("behind another one") != std::string::npos)
    return note(text,
                "forward the port at the outer router too, or let the provider give this "
                "line an address of its own");
  if (text.starts_with("none"))
    return note(text, "turn UPnP or NAT-PMP on in the router, or " + to_forward(facts));
  if (text.starts_with("off")) return note(text, to_set(facts, "port_mapping = true"));
  return ok(text);
}

/// Of a node that does not run: whether it would find somebody.
MaybeFinding judge_doors(const NodeFacts& facts) {
  if (facts.status || !facts.swarm.invite) return std::nullopt;
  const std::string new_line =
      "ask the swarm's owner for a line that names a node: brigade invite --contact NODE@HOST:PORT";
  if (facts.doors.empty()) {
    const bool knows_others =
        facts.folder.has_members || facts.swarm.config || !facts.node->discovery.bootstrap.empty();
    if (knows_others) return std::nullopt;
    return bad("the invite names no node to begin with", new_line);
  }
  const auto answers = std::ranges::count(facts.doors, Probe::kAnswered, &ProbedAddress::probe);
  const std::string counts =
      fmt::format("{} of {} nodes that the invite names answer", answers, facts.doors.size());
  if (answers > 0) return ok(counts);
  const ProbedAddress& first = facts.doors.front();
  const std::string text = fmt::format("{}: {} {}", counts, first.address, to_string(first.probe));
  const std::string remedy = fmt::format("see whether this machine may dial out: {}; else {}",
                                         to_try(first.address), new_line);
  // Who was in knows others, and looks for them in the DHT.
  return facts.folder.has_members ? note(text, remedy) : bad(text, remedy);
}

// ---- The swarm ------------------------------------------------------------------------------

MaybeFinding judge_members(const NodeFacts& facts) {
  if (!is_member(facts)) return std::nullopt;
  const auto& members = facts.status->members();
  const auto alive = std::ranges::count_if(members, is_there);
  return ok(fmt::format("{} alive, {} suspected", alive, members.size() - alive));
}

MaybeFinding judge_stages(const NodeFacts& facts) {
  if (!is_member(facts)) return std::nullopt;
  std::vector<std::uint32_t> empty;
  std::vector<std::size_t> counts;
  for (std::uint32_t stage = 0; stage < facts.status->stages(); ++stage) {
    const auto nodes = std::ranges::count_if(
        facts.status->members(), [stage](const auto& m) { return is_there(m) && hosts(m, stage); });
    counts.push_back(static_cast<std::size_t>(nodes));
    if (nodes == 0) empty.push_back(stage);
  }
  const std::string text = fmt::format("nodes alive by stage: {}", fmt::join(counts, ", "));
  if (!empty.empty()) {
    const bool rests =
        facts.status->phase() == "drained" && std::ranges::count(empty, facts.status->stage()) > 0;
    return bad(
        fmt::format("{}: nothing trains without stage {}", text, fmt::join(empty, ", ")),
        fmt::format("{}on another machine: brigade join LINE --stage {} (the owner's brigade "
                    "invite makes the line)",
                    rests ? to_resume(facts) + ", or " : "", empty.front()));
  }
  if (std::ranges::count(counts, 1u) == 0) return ok(text);
  return note(fmt::format("{}: where there is one, training stops while it is away", text),
              "more nodes: brigade join LINE on other machines");
}

/// `address`: where the other end can be dialled; empty: nowhere.
Finding missing_link(const NodeFacts& facts, std::uint32_t stage, const std::string& address,
                     const std::string& error) {
  const std::string text =
      fmt::format("no link with stage {}{}{}", stage, error.empty() ? "" : ": ", error);
  if (facts.status->seconds() < kSettledAfterS) return note(text, "wait: it has just begun");
  if (!address.empty()) return bad(text, "let this machine dial out: " + to_try(address));
  return bad(text,
             "a node that can be dialled is needed, this one or another: " + to_forward(facts));
}

Finding missing_member(const NodeFacts& facts, const control::MemberStatus& member) {
  if (member.quarantined_s() <= 0)
    return missing_link(facts, member.stage(), member.can_be_dialled() ? member.address() : "",
                        member.last_error());
  return bad(fmt::format("no link with stage {}: its node is quarantined: {}", member.stage(),
                         member.quarantine_reason()),
             fmt::format("wait {}, or let another node host that stage",
                         in_words(member.quarantined_s())));
}

MaybeFinding judge_links_of_line(const NodeFacts& facts) {
  for (const auto& peer : facts.status->peers())
    if (!peer.is_linked())
      return missing_link(facts, peer.stage(), peer.address(), peer.last_error());
  if (facts.status->peers_size() == 0) return std::nullopt;
  return ok(fmt::format("with all peers of node.toml: {}", facts.status->peers_size()));
}

MaybeFinding judge_links(const NodeFacts& facts) {
  if (!facts.status) return std::nullopt;
  if (!is_member(facts)) return judge_links_of_line(facts);
  const std::uint32_t own = facts.status->stage();
  std::vector<std::uint32_t> linked;
  for (std::uint32_t stage = own == 0 ? 1 : own - 1; stage <= own + 1; stage += 2) {
    const control::MemberStatus* missing = nullptr;
    bool is_linked = false;
    for (const auto& member : facts.status->members()) {
      if (!is_there(member) || !hosts(member, stage)) continue;
      is_linked = is_linked || member.is_linked();
      if (missing == nullptr || member.can_be_dialled()) missing = &member;
    }
    if (is_linked) linked.push_back(stage);
    if (is_linked || missing == nullptr) continue;  // a stage without nodes has its own finding
    return missing_member(facts, *missing);
  }
  if (linked.empty()) return std::nullopt;
  return ok(fmt::format("with stage {}", fmt::join(linked, " and ")));
}

MaybeFinding judge_dialable(const NodeFacts& facts) {
  if (!is_member(facts)) return std::nullopt;
  const auto dialable = std::ranges::count_if(
      facts.status->members(), [](const auto& m) { return is_there(m) && m.can_be_dialled(); });
  if (dialable > 0)
    return ok(fmt::format("{} of {} members", dialable, facts.status->members_size()));
  const std::string remedy = "on one node at least: " + to_forward(facts);
  if (facts.status->reach() == "unknown") return note("nobody that is known", remedy);
  return bad("nobody: newcomers have nowhere to begin, and nodes behind routers do not meet",
             remedy);
}

// ---- Discovery ------------------------------------------------------------------------------

MaybeFinding judge_dht(const NodeFacts& facts) {
  if (!is_member(facts)) return std::nullopt;
  const std::string& text = facts.status->discovery();
  if (text == "off")
    return note("off: members whose addresses have all changed are not found",
                to_set(facts, "dht = true under [discovery]"));
  const bool is_alone = facts.status->members_size() == 1;
  if (facts.status->dht_nodes() > 0 || is_alone) return ok(text);
  return note(text,
              to_set(facts, "bootstrap = [\"HOST:PORT\"] under [discovery], a node of any swarm,") +
                  "; UDP has to pass as TCP does");
}

constexpr const char* kReach = "reachability";
constexpr const char* kSwarm = "the swarm";
constexpr const char* kDiscovery = "discovery";

constexpr Check kChecks[] = {
    {kReach, "port", judge_port},       {kReach, "dialled", judge_reach},
    {kReach, "router", judge_mapping},  {kReach, "way in", judge_doors},
    {kSwarm, "members", judge_members}, {kSwarm, "stages", judge_stages},
    {kSwarm, "links", judge_links},     {kSwarm, "can be dialled", judge_dialable},
    {kDiscovery, "dht", judge_dht},
};

}  // namespace

std::span<const Check> swarm_checks() {
  return kChecks;
}

}  // namespace brigade::cli
