#include "tests/unit/cli/examined_node.hpp"

#include "tests/catch.hpp"

namespace brigade::cli {

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
  CHECK(one.remedy.starts_with(
      "forward TCP and UDP port 7171 of the router to 192.168.1.5, port 7070"));
  CHECK(has(one.remedy, "nc -vz 198.51.100.9 7171"));
  facts.announced.address = "[2001:db8::1]:7171";
  CHECK(has(finding(facts, "dialled").remedy, "nc -vz 2001:db8::1 7171"));
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

TEST_CASE("before a port is forwarded the node listens where that leads to") {
  NodeFacts facts = running();
  facts.status->set_reach("no");
  facts.status->set_listen("0.0.0.0:41234");
  for (const char* listen : {"", "0.0.0.0:0", "127.0.0.1:7171", "[::1]:7171", "localhost:7171"}) {
    CAPTURE(listen);
    facts.node->listen = listen;
    CHECK(finding(facts, "dialled").remedy ==
          "nothing has to be done; to be dialled, set listen = \"0.0.0.0:7070\" in /n/node.toml, "
          "then start the node again, then forward TCP and UDP port 7070 of the router to "
          "192.168.1.5, port 7070");
  }
  facts.node->listen = "[::]:7171";
  CHECK(finding(facts, "dialled").remedy ==
        "nothing has to be done; to be dialled, forward TCP and UDP port 7171 of the router to "
        "192.168.1.5, port 7171");
  facts.node.reset();
  facts.status->set_listen("");
  CHECK(has(finding(facts, "dialled").remedy, "forward TCP and UDP port 7070 of"));
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
