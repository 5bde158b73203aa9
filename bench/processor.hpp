// What a bench says of the machine that it ran on.
#pragma once

#include <fstream>
#include <string>

namespace brigade::bench {

inline std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

}  // namespace brigade::bench
