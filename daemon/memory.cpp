#include "daemon/memory.hpp"

#include <fstream>

#include <fmt/format.h>

namespace brigade::daemon {

namespace {

constexpr std::uint64_t kMebibyte = 1024 * 1024;
constexpr std::uint64_t kShare = 4;  // of what is free, one part

}  // namespace

RecomputeChoice choose_recompute(const std::string& setting, std::uint64_t kept_bytes_a_microbatch,
                                 std::uint32_t in_flight,
                                 std::optional<std::uint64_t> available_bytes) {
  if (setting != "auto") return {setting == "on", "set in swarm.toml"};
  if (!available_bytes) return {false, "the free memory is unknown"};
  const std::uint64_t needed = kept_bytes_a_microbatch * in_flight;
  const bool is_short = needed > *available_bytes / kShare;
  return {is_short, fmt::format("activations of {} in flight take {} MiB of {} MiB free", in_flight,
                                needed / kMebibyte, *available_bytes / kMebibyte)};
}

std::optional<std::uint64_t> available_memory_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  std::uint64_t kibibytes = 0;
  std::string unit;
  while (meminfo >> key >> kibibytes) {
    std::getline(meminfo, unit);
    if (key == "MemAvailable:") return kibibytes * 1024;
  }
  return std::nullopt;
}

}  // namespace brigade::daemon
