#include "config/reference.hpp"

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "config/node_config.hpp"
#include "config/swarm_config.hpp"
#include "tests/catch.hpp"
#include "tests/tests_folder.hpp"

using namespace brigade::config;

namespace {

const std::string kDocument = brigade::test::tests_folder() + "/../docs/configuration.md";

std::string read_document() {
  std::ifstream in(kDocument, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> tables() {
  return {{"swarm.toml", swarm_reference()},
          {"node.toml", node_reference()},
          {"peers", peer_reference()},
          {"plan.toml", plan_reference()},
          {"machines", plan_machines_reference()},
          {"events", plan_event_reference()}};
}

}  // namespace

TEST_CASE("docs/configuration.md has every option as the tables have it") {
  const std::string document = read_document();
  INFO("refresh it with: test_unit_config '[refresh]'");
  for (const auto& [name, table] : tables()) {
    INFO(name);
    CHECK(document.find("<!-- table: " + name + " -->\n" + table + "<!-- end -->") !=
          std::string::npos);
  }
}

TEST_CASE("no key and no flag is there twice, and none is without its meaning") {
  std::set<std::string_view> keys;
  std::set<std::string_view> flags;
  for (const auto& option : swarm_options()) {
    CHECK(keys.insert(option.key).second);
    CHECK((option.flag.empty() || flags.insert(option.flag).second));
    CHECK_FALSE(option.meaning.empty());
    CHECK(option.meaning.size() <= 70);
  }
}

TEST_CASE("docs/configuration.md is refreshed from the tables", "[.][refresh]") {
  std::string document = read_document();
  for (const auto& [name, table] : tables()) {
    const std::string begin = "<!-- table: " + name + " -->\n";
    const std::size_t start = document.find(begin);
    REQUIRE(start != std::string::npos);
    const std::size_t first = start + begin.size();
    document.replace(first, document.find("<!-- end -->", first) - first, table);
  }
  std::ofstream(kDocument, std::ios::binary) << document;
}
