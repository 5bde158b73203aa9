// SHA-256 of files: what a description names, and a copy is known by.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>

#include "base/result.hpp"

namespace brigade::trust {

using Sha256 = std::array<std::uint8_t, 32>;

/// Reads the whole file, about 1 GB a second. kNotFound, kIo; kUnavailable once `is_stopped`.
Result<Sha256> sha256_of(const std::filesystem::path& file,
                         const std::atomic<bool>* is_stopped = nullptr);

}  // namespace brigade::trust
