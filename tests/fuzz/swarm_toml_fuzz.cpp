// swarm.toml: any bytes are a configuration that survives being written, or a readable error.
#include <cstdint>
#include <string>

#include "config/swarm_config.hpp"
#include "tests/fuzz/check.hpp"

using namespace brigade;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = config::parse_swarm_config(text, "swarm.toml");
  if (!config) {
    fuzz::demand_readable(config.error());
    FUZZ_DEMAND(config.error().message.starts_with("swarm.toml:"));
    return 0;
  }
  FUZZ_DEMAND(config::check(*config).has_value());
  const auto again = config::parse_swarm_config(config::to_toml(*config), "written");
  FUZZ_DEMAND(again.has_value());
  FUZZ_DEMAND(*again == *config);
  FUZZ_DEMAND(config::canonical_text(*again) == config::canonical_text(*config));
  return 0;
}
