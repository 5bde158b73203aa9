#include "config/node_config.hpp"

#include <string>

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

using namespace brigade;
using namespace brigade::config;

namespace {

const std::string kId(64, 'a');
const std::string kOtherId(64, 'b');
const std::string kLeast = "swarm = \"swarm.toml\"\nstate_dir = \"state\"\n";

std::string error_of(const std::string& text) {
  const auto parsed = parse_node_config(text, "node.toml");
  return parsed ? "" : parsed.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a node needs a swarm and a state directory and nothing else") {
  CHECK(error_of(kLeast) == "");
  CHECK(contains(error_of("state_dir = \"s\"\n"), "node.toml: swarm is missing"));
  CHECK(contains(error_of("swarm = \"s\"\n"), "state_dir must be a path"));
}

TEST_CASE("a node's settings are read back as they were written") {
  NodeConfig config;
  config.swarm = "swarm.toml";
  config.state_dir = "/var/lib/brigade";
  config.stage = 3;
  config.listen = "[::1]:0";
  config.device = "cuda:1";
  config.threads = 0;
  config.link_delay_ms = 100;
  config.port_mapping = false;
  config.discovery.dht = false;
  config.discovery.bootstrap = {"rendezvous.example:7070", "[2001:db8::1]:7070"};
  config.peers = {{kId, "host.example:7070", 2}, {kOtherId, "", 4}};
  const auto read = parse_node_config(to_toml(config), "node.toml");
  REQUIRE(read);
  CHECK(*read == config);
}

TEST_CASE("a wrong setting is named with its place") {
  CHECK(contains(error_of(kLeast + "listen = \"nowhere\"\n"),
                 "node.toml:3:10: listen must be host:port"));
  CHECK(contains(error_of(kLeast + "device = \"gpu\"\n"), "device must be auto, cpu or cuda:N"));
  CHECK(contains(error_of(kLeast + "log = \"loud\"\n"), "must be one of trace, debug"));
  CHECK(contains(error_of(kLeast + "link_delay_ms = 10001\n"), "link_delay_ms must be a whole"));
  CHECK(contains(
      error_of(kLeast + "[discovery]\nbootstrap = [\"a:1\", \"nowhere\"]\n"),
      "discovery.bootstrap must be a list of at most 16, each host:port, not a list of 2"));
  CHECK(contains(error_of(kLeast + "discovery.bootstrap = [1]\n"), "not a list of 1 numbers"));
  CHECK(contains(error_of(kLeast + "discovery.bootstrap = \"a:1\"\n"), "must be a list"));
  CHECK(error_of(kLeast + "discovery.bootstrap = []\n") == "");
  CHECK(contains(error_of(kLeast + "stag = 1\n"), "did you mean stage?"));
  CHECK(contains(error_of(kLeast + "[[peers]]\nid = \"12\"\n"),
                 "node.toml:4:6: peers[0].id must be 64 hexadecimal digits"));
  CHECK(contains(error_of(kLeast + "[[peers]]\nid = \"" + kId + "\"\nadress = \"a:1\"\n"),
                 "did you mean peers[0].address?"));
  CHECK(contains(error_of(kLeast + "peers = 4\n"), "unknown key peers"));
}

TEST_CASE("a peer without an id and a peer named twice are refused") {
  CHECK(contains(error_of(kLeast + "[[peers]]\nstage = 1\n"), "peers[0].id must be"));
  CHECK(contains(error_of(kLeast + "[[peers]]\n[[peers]]\nstage = 1\n"), "peers[0].id must be"));
  const std::string twice = "[[peers]]\nid = \"" + kId + "\"\n";
  CHECK(contains(error_of(kLeast + twice + twice),
                 "node.toml:6:6: peers[1].id is that of an earlier peer"));
}

TEST_CASE("more peers than links are refused, quickly") {
  std::string text = kLeast;
  for (std::uint32_t count = 0; count <= limits::kMaxLinks; ++count) text += "[[peers]]\n";
  CHECK(contains(error_of(text), "at most 1024 can be linked"));
}

TEST_CASE("relative paths lie beside the file, and defaults in the state directory") {
  const test::TemporaryFolder folder;
  const auto config = load_node_config(folder.write("etc/node.toml", kLeast));
  REQUIRE(config);
  CHECK(config->swarm == folder / "etc/swarm.toml");
  CHECK(config->state_dir == folder / "etc/state");
  CHECK(config->identity == folder / "etc/state/identity.pem");
  CHECK(config->control == (folder / "etc/state/control.sock").string());

  const auto own = load_node_config(
      folder.write("own.toml", kLeast + "identity = \"id.pem\"\ncontrol = \"/run/c.sock\"\n"));
  REQUIRE(own);
  CHECK(own->identity == folder / "id.pem");
  CHECK(own->control == "/run/c.sock");
}

TEST_CASE("addresses are host and port") {
  for (const char* good : {"localhost:1", "10.0.0.1:65535", "[::1]:80", "a.b-c:0"}) {
    INFO(good);
    CHECK(is_address(good));
  }
  for (const char* bad : {"", ":80", "host", "host:", "host:65536", "host:-1", "::1:80", "h h:1",
                          "host:80x", "unix:/tmp/s", "[]:1"}) {
    INFO(bad);
    CHECK_FALSE(is_address(bad));
  }
}

TEST_CASE("devices are auto, cpu or a numbered cuda") {
  CHECK(is_device("auto"));
  CHECK(is_device("cpu"));
  CHECK(is_device("cuda:7"));
  CHECK_FALSE(is_device("cuda"));
  CHECK_FALSE(is_device("cuda:"));
  CHECK_FALSE(is_device("cuda:1x"));
  CHECK_FALSE(is_device("cuda:-1"));
}
