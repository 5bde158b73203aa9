// Whether activations are kept or computed again, decided by the memory of this machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace brigade::daemon {

struct RecomputeChoice {
  bool recompute = false;
  std::string reason;
};

/// `setting`: on, off or auto. Auto keeps them where what is in flight at most takes no more than a
/// quarter of what is free: other nodes of the machine may be about to take as much.
RecomputeChoice choose_recompute(const std::string& setting, std::uint64_t kept_bytes_a_microbatch,
                                 std::uint32_t in_flight,
                                 std::optional<std::uint64_t> available_bytes);

/// MemAvailable of /proc/meminfo; absent where there is none.
std::optional<std::uint64_t> available_memory_bytes();

}  // namespace brigade::daemon
