#include "tests/unit/cli/examined_node.hpp"

#include "tests/catch.hpp"

namespace brigade::cli {

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
}

TEST_CASE("of another user's node nothing is said but who may look, and at which node") {
  NodeFacts facts = stopped();
  facts.folder.is_readable = false;  // so that its lock is not seen either
  facts.own_port = {"127.0.0.1:7070", Probe::kAnswered};
  CHECK(finding(facts, "process").remedy == "sudo -u ada brigade doctor --state /n");
  CHECK(finding(facts, "port").found.empty());
  facts.node_file = "/etc/brigade/node.toml";
  CHECK(finding(facts, "process").remedy == "sudo -u ada brigade doctor");
  facts = NodeFacts{};
  facts.socket = "/n/control.sock";
  CHECK(has(finding(facts, "process").found, "nobody answers there"));
  facts.is_socket_forbidden = true;
  CHECK(finding(facts, "process").found == "/n/control.sock is for another user alone");
  CHECK(finding(facts, "process").remedy == "sudo brigade doctor --socket /n/control.sock");
}

TEST_CASE("a node that has left comes back by joining, not by a start") {
  NodeFacts facts = stopped();
  facts.folder.has_left = true;
  CHECK(bad_ones(facts).empty());
  CHECK(finding(facts, "process").verdict == Verdict::kNote);
  CHECK(has(finding(facts, "process").remedy, "brigade join LINE --state /n"));
}

TEST_CASE("a drained node rests until it resumes, after a start too") {
  NodeFacts facts = running();
  facts.socket = "/n/control.sock";
  facts.status->set_phase("drained");
  facts.status->mutable_members(0)->set_doing("drained");
  CHECK(finding(facts, "phase").verdict == Verdict::kNote);
  CHECK(has(finding(facts, "phase").remedy, "brigade resume --socket /n/control.sock"));
  CHECK(has(finding(facts, "stages").remedy, "brigade resume --socket /n/control.sock, or on"));
  facts.node_file = "/etc/brigade/node.toml";
  CHECK(has(finding(facts, "phase").remedy, "brigade resume, if"));
  facts = stopped();
  facts.folder.is_drained = true;
  CHECK(bad_ones(facts).empty());
  CHECK(has(finding(facts, "process").remedy, "brigaded --config /n/node.toml, then brigade res"));
}

TEST_CASE("a node that the owner has put out is told so, and how it gets in again") {
  NodeFacts facts = stopped();
  facts.swarm.revocation.emplace();
  facts.swarm.revocation->reason = "sends nonsense";
  facts.swarm.revocation->subject = NodeId{};
  CHECK(finding(facts, "process").verdict == Verdict::kBad);
  CHECK(has(finding(facts, "process").found, "revoked node 00000000: sends nonsense"));
  CHECK(has(finding(facts, "process").remedy, "ask the swarm's owner"));
  CHECK(has(finding(facts, "process").remedy, "rm /n/identity.pem, then brigaded --config"));
  facts.swarm.revocation->subject = trust::InviteId{};
  facts.folder.has_left = true;  // a line of the same invite would not help
  CHECK(has(finding(facts, "process").found, "revoked invite"));
  CHECK(has(finding(facts, "process").remedy, "new line, and: brigade join LINE --state /n"));
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
  CHECK(finding(facts, "settings").remedy == "sudo brigade doctor --state /n");
  facts.node_file = "/etc/brigade/node.toml";
  CHECK(finding(facts, "settings").remedy == "sudo brigade doctor");
  facts.node_file = "/n/node.toml";
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
  facts.swarm.config->stages = 3;
  CHECK(finding(facts, "data").verdict == Verdict::kBad);
  CHECK(has(finding(facts, "data").remedy, "brigade join LINE --stage 1"));
  facts.swarm.config->stages = 1;
  CHECK(finding(facts, "data").remedy == "put the token file there");
  facts.swarm.config->stages = 3;
  facts.node->invite.clear();
  CHECK(finding(facts, "data").remedy == "put the token file there");
  facts.swarm.names_data = true;
  CHECK(finding(facts, "data").verdict == Verdict::kNote);
  facts.swarm.stage = 1;
  CHECK(finding(facts, "data").found.empty());
}

TEST_CASE("a line of --json names the node's socket, and the node where it is known") {
  NodeFacts facts = running();
  facts.socket = "/n/control.sock";
  const Json unknown = to_json(diagnose(facts).front(), facts);
  CHECK_FALSE(unknown.contains("node"));
  CHECK(unknown.at("socket") == "/n/control.sock");
  CHECK(unknown.at("check") == "memory");
  facts.id = std::string(64, '0');
  CHECK(to_json(diagnose(facts).front(), facts).at("node") == facts.id);
}

}  // namespace brigade::cli
