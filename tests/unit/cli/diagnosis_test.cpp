#include "cli/diagnosis.hpp"

#include <algorithm>

#include "tests/catch.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

constexpr std::uint64_t kGigabyte = 1'000'000'000;
constexpr std::uint64_t kNow = 1'800'000'000;

/// A member that serves stage 0 of three, stopped, on a machine that is fit.
NodeFacts stopped() {
  NodeFacts facts;
  facts.node_file = "/n/node.toml";
  facts.node.emplace();
  facts.node->invite = "/n/invite";
  facts.node->swarm = "/n/swarm.signed";
  facts.node->identity = "/n/identity.pem";
  facts.node->threads = 0;
  facts.machine = {.now_unix_s = kNow,
                   .is_clock_synchronised = true,
                   .cores = 4,
                   .free_memory_bytes = 8 * kGigabyte,
                   .gpus = std::nullopt,
                   .lan_address = "192.168.1.5"};
  facts.folder.path = "/n";
  facts.folder.owner = "ada";
  facts.folder.is_readable = true;
  facts.folder.free_bytes = 8 * kGigabyte;
  facts.folder.key_mode = 0600;
  facts.swarm.invite.emplace();
  facts.swarm.invite->created_unix_s = kNow - 100;
  facts.swarm.invite->expires_unix_s = kNow + 100;
  facts.swarm.config.emplace();
  facts.swarm.config->run.keep_checkpoints = 2;
  facts.swarm.has_data = true;
  facts.swarm.stage = 0;
  facts.swarm.needs = StageNeeds{kGigabyte, kGigabyte};
  facts.doors = {{"203.0.113.7:7070", Probe::kAnswered}};
  return facts;
}

control::MemberStatus& add_member(control::NodeStatus& status, char id, std::uint32_t stage) {
  auto& member = *status.add_members();
  member.set_node(std::string(64, id));
  member.set_has_stage(true);
  member.set_stage(stage);
  member.set_doing("serving");
  member.set_standing("alive");
  member.set_can_be_dialled(true);
  member.set_address(std::string("203.0.113.1:707") + id);
  return member;
}

/// The same, trains with two others.
NodeFacts running() {
  NodeFacts facts = stopped();
  facts.doors.clear();
  control::NodeStatus status;
  status.set_pid(7);
  status.set_phase("training");
  status.set_device("cpu");
  status.set_stages(3);
  status.set_seconds(600);
  status.set_listen("0.0.0.0:7070");
  status.set_reach("yes");
  status.set_port_mapping("port 7070 of 203.0.113.1 by UPnP");
  status.set_discovery("2 nodes of the DHT");
  status.set_dht_nodes(2);
  add_member(status, '0', 0).set_is_self(true);
  add_member(status, '1', 1).set_is_linked(true);
  add_member(status, '2', 2);
  auto& link = *status.add_peers();
  link.set_is_linked(true);
  link.set_was_dialled(true);
  facts.status = std::move(status);
  facts.own_port = {"127.0.0.1:7070", Probe::kAnswered};
  return facts;
}

/// Of one check; none if it had nothing to say.
Finding finding(const NodeFacts& facts, const std::string& what) {
  const auto findings = diagnose(facts);
  const auto found = std::ranges::find(findings, what, &Finding::what);
  return found == findings.end() ? Finding{} : *found;
}

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> bad_ones(const NodeFacts& facts) {
  std::vector<std::string> names;
  for (const Finding& one : diagnose(facts))
    if (one.verdict == Verdict::kBad) names.push_back(one.what);
  return names;
}

}  // namespace

TEST_CASE("with a healthy node nothing is bad, and each other finding has a remedy") {
  CHECK(bad_ones(running()).empty());
  for (NodeFacts facts : {running(), stopped(), NodeFacts{}}) {
    for (const Finding& one : diagnose(facts)) {
      CAPTURE(one.what);
      CHECK_FALSE(one.found.empty());
      CHECK((one.verdict == Verdict::kOk) == one.remedy.empty());
    }
  }
}

TEST_CASE("a node that does not run is bad alone, and is told how to start") {
  CHECK(bad_ones(stopped()) == std::vector<std::string>{"process"});
  CHECK(finding(stopped(), "process").remedy == "brigaded --config /n/node.toml");
  NodeFacts facts = stopped();
  facts.node_file = "/etc/brigade/node.toml";
  CHECK(finding(facts, "process").remedy == "systemctl restart brigaded");
  facts.folder.holder = 77;
  CHECK(has(finding(facts, "process").found, "process 77 runs and does not answer"));
  facts.folder.is_readable = false;
  CHECK(finding(facts, "process").remedy == "sudo -u ada brigade doctor");
}

TEST_CASE("too little memory is bad before a start, and a note for a node that runs") {
  NodeFacts facts = stopped();
  facts.machine.free_memory_bytes = kGigabyte / 2;
  CHECK(finding(facts, "memory").verdict == Verdict::kBad);
  CHECK(has(finding(facts, "memory").remedy, "until 1.0 GB are free"));
  facts = running();
  facts.machine.free_memory_bytes = kGigabyte / 2;
  CHECK(finding(facts, "memory").verdict == Verdict::kNote);
  facts.status->set_rss_bytes(kGigabyte);  // it has what it needs
  CHECK(finding(facts, "memory").verdict == Verdict::kOk);
}

TEST_CASE("a disk without room for a checkpoint is bad, without room for all a note") {
  NodeFacts facts = running();
  facts.folder.free_bytes = 4 * kGigabyte;  // of five: two kept, one written, two of others
  CHECK(finding(facts, "disk").verdict == Verdict::kNote);
  CHECK(has(finding(facts, "disk").remedy, "make room for 5.0 GB"));
  facts.folder.checkpoint_bytes = kGigabyte;
  CHECK(finding(facts, "disk").verdict == Verdict::kOk);
  facts.folder.checkpoint_bytes = 0;
  facts.folder.free_bytes = kGigabyte / 2;
  CHECK(finding(facts, "disk").verdict == Verdict::kBad);
}

TEST_CASE("threads are held against cores") {
  NodeFacts facts = stopped();
  CHECK(finding(facts, "threads").verdict == Verdict::kOk);
  facts.node->threads = 1;
  CHECK(finding(facts, "threads").remedy == "set threads = 0 in /n/node.toml");
  facts.node->threads = 9;
  CHECK(finding(facts, "threads").remedy == "set threads = 4 in /n/node.toml");
}

TEST_CASE("a GPU that is named and not there is bad") {
  NodeFacts facts = stopped();
  facts.node->device = "cuda:1";
  CHECK(finding(facts, "device").verdict == Verdict::kBad);
  CHECK(has(finding(facts, "device").found, "no NVIDIA driver"));
  CHECK(has(finding(facts, "device").remedy, "set device = \"auto\" in /n/node.toml"));
  facts.machine.gpus = 1;
  CHECK(has(finding(facts, "device").found, "the driver shows 1 GPU"));
  facts.machine.gpus = 2;
  CHECK(finding(facts, "device").verdict == Verdict::kOk);
}

TEST_CASE("a GPU that is there and not used is a note") {
  NodeFacts facts = running();
  facts.machine.gpus = 1;
  CHECK(has(finding(facts, "device").remedy, "device = \"cuda:0\""));
  facts.node->device = "cpu";
  CHECK(has(finding(facts, "device").remedy, "device = \"auto\""));
  facts.node->device = "auto";
  facts.status->set_device("cuda:0 (a GPU)");
  CHECK(finding(facts, "device").verdict == Verdict::kOk);
}

TEST_CASE("a clock that nobody keeps, or that is behind, is a note") {
  NodeFacts facts = stopped();
  facts.machine.is_clock_synchronised = false;
  CHECK(has(finding(facts, "clock").remedy, "timedatectl set-ntp true"));
  facts.machine.is_clock_synchronised = true;
  facts.machine.now_unix_s = kNow - 10'000;
  CHECK(has(finding(facts, "clock").found, "the invite was made at"));
  CHECK(finding(facts, "clock").verdict == Verdict::kNote);
}

TEST_CASE("settings that do not load are bad, with the parser's words") {
  NodeFacts facts;
  facts.node_file = "/n/node.toml";
  facts.settings_fault = SettingsFault::kWrong;
  facts.settings_error = "/n/node.toml:3:1: unknown key 'thraeds'";
  CHECK(finding(facts, "settings").found == facts.settings_error);
  CHECK(bad_ones(facts) == std::vector<std::string>{"settings"});
  facts.settings_fault = SettingsFault::kForbidden;
  CHECK(finding(facts, "settings").remedy == "sudo brigade doctor");
  facts.settings_fault = SettingsFault::kMissing;
  CHECK(has(finding(facts, "settings").remedy, "brigade join LINE --state /n"));
}

TEST_CASE("a key that others may read is bad") {
  NodeFacts facts = stopped();
  facts.folder.key_mode = 0644;
  CHECK(finding(facts, "key").remedy == "chmod 600 /n/identity.pem");
  CHECK(finding(facts, "key").verdict == Verdict::kBad);
  facts.folder.key_mode.reset();
  CHECK(finding(facts, "key").verdict == Verdict::kOk);
}

TEST_CASE("a blocked node is bad with its reason, one that gathers is a note") {
  NodeFacts facts = running();
  facts.status->set_phase("gathering");
  facts.status->set_waiting_for("stage 1");
  CHECK(finding(facts, "phase").verdict == Verdict::kNote);
  CHECK(has(finding(facts, "phase").found, "waits: stage 1"));
  facts.status->set_phase("blocked");
  facts.status->set_error("the disk is full");
  CHECK(finding(facts, "phase").found == "the disk is full");
  CHECK(finding(facts, "phase").verdict == Verdict::kBad);
}

TEST_CASE("an invite that has ended is bad but for a node that is in") {
  NodeFacts facts = stopped();
  facts.swarm.invite->expires_unix_s = kNow - 1;
  CHECK(finding(facts, "invite").verdict == Verdict::kBad);
  CHECK(has(finding(facts, "invite").remedy, "brigade join LINE --state /n"));
  facts.status = running().status;
  CHECK(finding(facts, "invite").verdict == Verdict::kNote);
  facts.status->clear_peers();
  CHECK(finding(facts, "invite").verdict == Verdict::kBad);
  facts.swarm.invite.reset();
  facts.swarm.invite_error = "not an invite";
  CHECK(finding(facts, "invite").found == "not an invite");
}

TEST_CASE("a description that can't be read is removed, one that is missing is asked for") {
  NodeFacts facts = stopped();
  facts.swarm.config.reset();
  CHECK(finding(facts, "description").verdict == Verdict::kOk);
  facts.swarm.error = "its signature is not the owner's";
  CHECK(has(finding(facts, "description").remedy, "rm /n/swarm.signed"));
  CHECK(finding(facts, "description").verdict == Verdict::kBad);
}

TEST_CASE("a head without data is bad unless they are copied; others need none") {
  NodeFacts facts = stopped();
  facts.swarm.has_data = false;
  CHECK(finding(facts, "data").verdict == Verdict::kBad);
  facts.swarm.names_data = true;
  CHECK(finding(facts, "data").verdict == Verdict::kNote);
  facts.swarm.stage = 1;
  CHECK(finding(facts, "data").found.empty());
}

TEST_CASE("a port that another program has is bad") {
  NodeFacts facts = stopped();
  facts.own_port = {"127.0.0.1:7070", Probe::kAnswered};
  CHECK(has(finding(facts, "port").found, "another program listens at 127.0.0.1:7070"));
  CHECK(has(finding(facts, "port").remedy, "listen"));
  facts.folder.holder = 7;  // it is the node itself
  CHECK(finding(facts, "port").found.empty());
}

TEST_CASE("a node that listens where nobody gets through is told") {
  NodeFacts facts = running();
  facts.own_port.probe = Probe::kSilent;
  CHECK(finding(facts, "port").verdict == Verdict::kBad);
  facts.own_port.probe = Probe::kAnswered;
  facts.status->set_listen("127.0.0.1:7070");
  CHECK(has(finding(facts, "port").remedy, "listen = \"0.0.0.0:7070\""));
}

TEST_CASE("an announced address that does not answer is bad, with port and LAN address") {
  NodeFacts facts = running();
  facts.status->set_reach("announced");
  facts.announced = {"198.51.100.9:7171", Probe::kSilent};
  const Finding one = finding(facts, "dialled");
  CHECK(one.verdict == Verdict::kBad);
  CHECK(has(one.remedy, "forward TCP and UDP port 7070 of the router to 192.168.1.5, port 7070"));
  CHECK(has(one.remedy, "nc -vz 198.51.100.9 7171"));
  facts.announced.probe = Probe::kUnknownName;
  CHECK(has(finding(facts, "dialled").remedy, "set announce"));
  facts.announced.probe = Probe::kAnswered;
  CHECK(finding(facts, "dialled").verdict == Verdict::kOk);
}

TEST_CASE("who was dialled from outside is reached, whatever its own router answers inside") {
  NodeFacts facts = running();
  facts.status->set_reach("announced");
  facts.announced = {"198.51.100.9:7171", Probe::kRefused};
  auto& link = *facts.status->mutable_peers(0);
  link.set_node(facts.status->members(1).node());
  link.set_was_dialled(false);
  CHECK(finding(facts, "dialled").verdict == Verdict::kNote);
  CHECK(has(finding(facts, "dialled").found, "1 node dialled this one"));
  // Through a relay it proves nothing.
  facts.status->mutable_members(1)->set_relay(std::string(64, '2'));
  CHECK(finding(facts, "dialled").verdict == Verdict::kBad);
}

TEST_CASE("a node behind NAT needs nothing: its relay is named, and how to be dialled") {
  NodeFacts facts = running();
  facts.status->set_reach("no");
  facts.status->mutable_members(1)->set_relay(std::string(64, '2'));
  facts.status->set_port_mapping("none: NAT-PMP: no answer; UPnP: no router");
  const Finding one = finding(facts, "dialled");
  CHECK(one.verdict == Verdict::kNote);
  CHECK(has(one.found, "some through 22222222"));
  CHECK(one.remedy ==
        "nothing has to be done; to be dialled, forward TCP and UDP port 7070 of the "
        "router to 192.168.1.5, port 7070");
  CHECK(has(finding(facts, "router").remedy, "turn UPnP or NAT-PMP on"));
  facts.status->set_port_mapping(
      "port 7070 of 10.0.0.2 by UPnP, but that router is behind another "
      "one: open the port there too");
  CHECK(has(finding(facts, "router").remedy, "outer router"));
  facts.status->set_port_mapping("off: node.toml sets port_mapping = false");
  CHECK(has(finding(facts, "router").remedy, "port_mapping = true"));
}

TEST_CASE("whether it can be dialled is not known before somebody was asked") {
  NodeFacts facts = running();
  facts.status->set_reach("unknown");
  CHECK(finding(facts, "dialled").verdict == Verdict::kOk);
  facts.status->mutable_members()->DeleteSubrange(1, 2);
  CHECK(has(finding(facts, "dialled").remedy, "announce = \"HOST:PORT\""));
}

TEST_CASE("an invite whose nodes do not answer is bad for who knows nobody else") {
  NodeFacts facts = stopped();
  facts.doors.front().probe = Probe::kRefused;
  CHECK(finding(facts, "way in").verdict == Verdict::kBad);
  CHECK(has(finding(facts, "way in").remedy, "nc -vz 203.0.113.7 7070"));
  facts.folder.has_members = true;
  CHECK(finding(facts, "way in").verdict == Verdict::kNote);
  facts.folder.has_members = false;
  facts.doors.clear();
  facts.swarm.config.reset();
  CHECK(has(finding(facts, "way in").remedy, "brigade invite --contact"));
}

TEST_CASE("a stage without nodes is bad, one with a single node a note") {
  NodeFacts facts = running();
  CHECK(finding(facts, "stages").verdict == Verdict::kNote);
  CHECK(has(finding(facts, "stages").found, "nodes alive by stage: 1, 1, 1"));
  facts.status->mutable_members(2)->set_standing("suspected");
  CHECK(finding(facts, "members").found == "2 alive, 1 suspected");
  CHECK(finding(facts, "stages").verdict == Verdict::kBad);
  CHECK(has(finding(facts, "stages").remedy, "brigade join LINE --stage 2"));
  facts = running();
  for (const char id : {'3', '4', '5'})
    add_member(*facts.status, id, static_cast<std::uint32_t>(id - '3'));
  CHECK(finding(facts, "stages").verdict == Verdict::kOk);
}

TEST_CASE("without a link to a neighbour it says whom to dial, or that nobody can be") {
  NodeFacts facts = running();
  CHECK(finding(facts, "links").found == "with stage 1");
  auto& neighbour = *facts.status->mutable_members(1);
  neighbour.set_is_linked(false);
  neighbour.set_last_error("no answer within 10000 ms");
  const Finding one = finding(facts, "links");
  CHECK(one.verdict == Verdict::kBad);
  CHECK(has(one.found, "no link with stage 1: no answer"));
  CHECK(one.remedy == "let this machine dial out: nc -vz 203.0.113.1 7071");
  neighbour.set_can_be_dialled(false);
  CHECK(has(finding(facts, "links").remedy, "a node that can be dialled is needed"));
  facts.status->set_seconds(3);
  CHECK(finding(facts, "links").verdict == Verdict::kNote);
}

TEST_CASE("a neighbour that is quarantined has no link, and the reason is told") {
  NodeFacts facts = running();
  auto& neighbour = *facts.status->mutable_members(1);
  neighbour.set_is_linked(false);
  neighbour.set_quarantined_s(60);
  neighbour.set_quarantine_reason("a replay");
  CHECK(has(finding(facts, "links").found, "quarantined: a replay"));
  CHECK(has(finding(facts, "links").remedy, "wait 1 min"));
}

TEST_CASE("in a line each peer of node.toml has to be linked") {
  NodeFacts facts = running();
  facts.status->clear_members();
  CHECK(finding(facts, "links").found == "with all peers of node.toml: 1");
  auto& peer = *facts.status->add_peers();
  peer.set_stage(1);
  peer.set_address("10.0.0.2:7070");
  peer.set_last_error("connection refused");
  CHECK(has(finding(facts, "links").found, "no link with stage 1: connection refused"));
  CHECK(has(finding(facts, "links").remedy, "nc -vz 10.0.0.2 7070"));
}

TEST_CASE("a swarm in which nobody can be dialled is bad") {
  NodeFacts facts = running();
  CHECK(finding(facts, "can be dialled").found == "3 of 3 members");
  for (auto& member : *facts.status->mutable_members()) member.set_can_be_dialled(false);
  facts.status->set_reach("no");
  CHECK(finding(facts, "can be dialled").verdict == Verdict::kBad);
  CHECK(has(finding(facts, "can be dialled").remedy, "forward TCP and UDP port 7070"));
}

TEST_CASE("a DHT that is off or empty is a note") {
  NodeFacts facts = running();
  facts.status->set_dht_nodes(0);
  CHECK(has(finding(facts, "dht").remedy, "bootstrap"));
  facts.status->set_discovery("off");
  CHECK(has(finding(facts, "dht").remedy, "dht = true"));
}

}  // namespace brigade::cli
