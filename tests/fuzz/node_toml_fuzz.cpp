// node.toml: any bytes are a configuration that survives being written, or a readable error.
#include <cstdint>
#include <string>

#include "config/node_config.hpp"
#include "tests/fuzz/check.hpp"

using namespace brigade;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = config::parse_node_config(text, "node.toml");
  if (!config) {
    fuzz::demand_readable(config.error());
    FUZZ_DEMAND(config.error().message.starts_with("node.toml:"));
    return 0;
  }
  FUZZ_DEMAND(config::check(*config).has_value());
  const auto again = config::parse_node_config(config::to_toml(*config), "written");
  FUZZ_DEMAND(again.has_value());
  FUZZ_DEMAND(*again == *config);
  return 0;
}
