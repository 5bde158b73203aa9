#include "cli/peers_table.hpp"

#include "tests/catch.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

control::MemberStatus& add_member(control::NodeStatus& node, char id, std::uint32_t stage) {
  auto& member = *node.add_members();
  member.set_node(std::string(64, id));
  member.set_has_stage(true);
  member.set_stage(stage);
  member.set_doing("serving");
  member.set_standing("alive");
  return member;
}

control::PeerStatus& add_link(control::NodeStatus& node, char id, std::uint32_t stage) {
  auto& link = *node.add_peers();
  link.set_node(std::string(64, id));
  link.set_stage(stage);
  link.set_is_linked(true);
  link.set_was_dialled(true);
  link.set_codec("int8");
  link.set_round_trip_ms(41.6);
  link.set_bytes_sent(3'400'000);
  link.set_bytes_received(512);
  return link;
}

}  // namespace

TEST_CASE("peers stand in the order of the stages, each once, without this node") {
  control::NodeStatus node;
  add_member(node, 'a', 1).set_is_self(true);
  add_member(node, 'c', 2);
  add_member(node, 'b', 0);
  add_link(node, 'c', 2);
  const auto lines = peers_table(node);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].find("stage") == 0);
  CHECK(lines[1].find("bbbbbbbb") != std::string::npos);
  CHECK(lines[1].find("none") == lines[0].find("link"));
  CHECK(lines[2].find("cccccccc") != std::string::npos);
  CHECK(lines[2].find("this node") == lines[0].find("dialled by"));
  for (const char* part : {"42 ms", "int8", "3.4 MB", "512 B"})
    CHECK(lines[2].find(part) != std::string::npos);
}

TEST_CASE("a peer that is no member is one by its link") {
  control::NodeStatus node;
  add_link(node, 'c', 1).set_was_dialled(false);
  const auto lines = peers_table(node);
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].find("it ") == lines[0].find("dialled by"));
  CHECK(peers_json(node).at(0).at("standing").is_null());
  CHECK(peers_table({}) == std::vector<std::string>{"this node knows no other"});
}

TEST_CASE("through whom a link goes, and what a replica has, are in the table") {
  control::NodeStatus node;
  auto& member = add_member(node, 'c', 2);
  member.set_relay(std::string(64, 'd'));
  member.mutable_given()->set_held(4);
  member.mutable_given()->set_pace_ms(7.25);
  member.mutable_given()->set_is_late(true);
  add_link(node, 'c', 2);
  const auto lines = peers_table(node);
  CHECK(lines[1].find("through dddddddd") == lines[0].find("link"));
  CHECK(lines[1].find("4, late") == lines[0].find("holds"));
  CHECK(lines[1].find("7.2 ms") != std::string::npos);
}

TEST_CASE("who is in trouble has a line below the table that says why") {
  control::NodeStatus node;
  auto& bad = add_member(node, 'b', 0);
  bad.set_quarantined_s(300);
  bad.set_quarantine_reason("a replay");
  add_member(node, 'c', 0).set_misdeeds(2);
  add_member(node, 'd', 0).set_last_error("cannot reach 203.0.113.7:7070");
  const auto lines = peers_table(node);
  REQUIRE(lines.size() == 7);
  CHECK(lines[4].find("bbbbbbbb is quarantined for 5 min") == 0);
  CHECK(lines[4].find("a replay") != std::string::npos);
  CHECK(lines[5] == "cccccccc has misbehaved: 2.0 of the 5 that end in quarantine");
  CHECK(lines[6] == "dddddddd has no link: cannot reach 203.0.113.7:7070");
}

TEST_CASE("peers as JSON: what is not known is null") {
  control::NodeStatus node;
  node.set_node(std::string(64, 'a'));
  add_member(node, 'b', 0);
  add_member(node, 'c', 2);
  add_link(node, 'c', 2);
  const auto objects = peers_json(node);
  REQUIRE(objects.size() == 2);
  CHECK(objects[0].at("seen_by") == std::string(64, 'a'));
  CHECK(objects[0].at("is_linked") == false);
  CHECK(objects[0].at("codec").is_null());
  CHECK(objects[0].at("held").is_null());
  CHECK(objects[1].at("codec") == "int8");
  CHECK(objects[1].at("bytes_sent") == 3'400'000);
  CHECK(objects[1].at("was_dialled") == true);
}

}  // namespace brigade::cli
