// Every bound in one place. Whatever a peer, a user or a file can make grow stops here:
// at a bound we refuse, count and explain.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brigade::limits {

// Shape of a model and of a run.
inline constexpr std::uint32_t kMaxStages = 4096;
inline constexpr std::uint32_t kMaxBlocks = 1024;
inline constexpr std::uint32_t kMaxWidth = 65536;  // d, model width
inline constexpr std::uint32_t kMaxHeads = 1024;   // attention heads
inline constexpr std::uint32_t kMaxVocabulary = 4'194'304;
inline constexpr std::uint32_t kMaxContext = 131'072;  // T, tokens
inline constexpr std::uint32_t kMaxBatch = 4096;       // B, sequences

// One node's core.
inline constexpr std::uint32_t kMaxWindow = 1024;         // micro-batches in flight from one head
inline constexpr std::uint32_t kMaxInFlight = 4096;       // at one stage, all heads together
inline constexpr std::uint32_t kMaxKeptGradients = 4096;  // applied, not yet acknowledged upstream
inline constexpr std::uint32_t kMaxOffers = 16;           // checkpoints named in one beacon
inline constexpr std::uint32_t kMaxHeadsInSwarm = 256;

// Wire.
inline constexpr std::size_t kMaxFrameHeaderBytes = 64 * 1024;
inline constexpr std::size_t kMaxPayloadBytes = 512u * 1024 * 1024;
inline constexpr std::size_t kMaxLinkQueueBytes = 1024u * 1024 * 1024;
inline constexpr std::uint32_t kMaxLinks = 1024;

// Files.
inline constexpr std::size_t kMaxConfigBytes = 1024 * 1024;
inline constexpr std::size_t kMaxSafetensorsHeaderBytes = 100u * 1024 * 1024;
inline constexpr std::size_t kMaxManifestBytes = 1024 * 1024;

}  // namespace brigade::limits
