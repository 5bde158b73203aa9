#include "cli/status_table.hpp"

#include "tests/catch.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

control::NodeStatus node(std::uint32_t stage) {
  control::NodeStatus status;
  status.set_node(std::string(64, 'c'));
  status.set_stage(stage);
  status.set_stages(2);
  status.set_first_block(2 * stage);
  status.set_blocks(2);
  status.set_phase("training");
  status.set_position(1234);
  status.set_device("cpu");
  return status;
}

}  // namespace

TEST_CASE("the status table has a heading and a line a node, in columns") {
  const std::vector<control::NodeStatus> nodes = {node(0), node(1)};
  const auto lines = status_table(nodes);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].find("stage") == 0);
  CHECK(lines[0].find("phase") == lines[1].find("training"));
  CHECK(lines[1].find("0-1") != std::string::npos);
  CHECK(lines[2].find("2-3") != std::string::npos);
  CHECK(lines[2].find("1,234") != std::string::npos);
  CHECK(status_table({}).empty());
}

TEST_CASE("what is wrong with a node stands below the table") {
  std::vector<control::NodeStatus> nodes = {node(0)};
  auto* peer = nodes[0].add_peers();
  peer->set_stage(1);
  peer->set_last_error("127.0.0.1:7071: connection refused");
  nodes[0].set_waiting_for("stage 1");
  const auto lines = status_table(nodes);
  REQUIRE(lines.size() == 4);
  CHECK(lines[2] == "stage 0 waits: stage 1");
  CHECK(lines[3] == "stage 0 has no link to stage 1: 127.0.0.1:7071: connection refused");
}

TEST_CASE("status as JSON names what the log names the same way") {
  const Json status = status_json(node(1));
  const Json logged = node_json(0, node(1));
  for (const auto& [key, value] : logged.items()) {
    if (key == "event" || key == "t") continue;
    CAPTURE(key);
    CHECK(status.contains(key));
    CHECK(status.at(key) == value);
  }
}

}  // namespace brigade::cli
