// A node of the DHT and no more, at HOST:PORT, until its input ends: what tests enter the DHT by.
#include <fmt/format.h>

#include <cstdio>

#include "daemon/discovery/discovery.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto node = brigade::daemon::make_dht({.point = {}, .listen = argv[1], .bootstrap = {}});
  if (node.has_error()) {
    fmt::print(stderr, "dht_node: {}\n", node.error().message);
    return node.error().code == brigade::ErrorCode::kUnavailable ? 77 : 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
