// Every bound in one place. Whatever a peer, a user or a file can make grow stops here:
// at a bound we refuse, count and explain.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brigade::limits {

// Shape of a model and of a run.
inline constexpr std::uint32_t kMaxStages = 4096;
// Where micro-batches carry the holders of their path, a frame's header must have room for them.
inline constexpr std::uint32_t kMaxStagesOfReplicas = 1024;
inline constexpr std::uint32_t kMaxBlocks = 1024;
inline constexpr std::uint32_t kMaxWidth = 65536;  // d, model width
inline constexpr std::uint32_t kMaxHeads = 1024;   // attention heads
inline constexpr std::uint32_t kMaxVocabulary = 4'194'304;
inline constexpr std::uint32_t kMaxContext = 131'072;                 // T, tokens
inline constexpr std::uint32_t kMaxBatch = 4096;                      // B, sequences
inline constexpr std::uint64_t kMaxSteps = 1'000'000'000'000'000;     // micro-batches of a run
inline constexpr std::uint64_t kMaxSeed = 9'223'372'036'854'775'807;  // TOML's largest integer
inline constexpr std::uint32_t kMaxAccumulate = 4096;                 // K or M, micro-batches
inline constexpr std::uint32_t kMaxEvalBatches = 1'000'000;
inline constexpr std::uint32_t kMaxKeptCheckpoints = 1000;

// One node's core.
inline constexpr std::uint32_t kMaxWindow = 1024;  // micro-batches in flight from one head
inline constexpr std::uint64_t kDayNs = 86'400'000'000'000;
inline constexpr std::uint64_t kMaxPaceNs = kDayNs;             // computing time of one micro-batch
inline constexpr std::uint64_t kMaxElapsedNs = 3'650 * kDayNs;  // of an epoch
inline constexpr std::uint64_t kMaxClockNs = 36'500 * kDayNs;   // of a monotonic clock
inline constexpr std::uint32_t kMaxInFlight = 4096;             // at one stage, all heads together
inline constexpr std::uint32_t kMaxKeptGradients = 4096;  // applied, not yet acknowledged upstream
inline constexpr std::uint32_t kMaxAppliedAhead = 4096;   // applied beyond the oldest that is not
// With replicas one micro-batch may be suspended for minutes while its head goes on: 500 a second.
inline constexpr std::uint32_t kMaxAppliedAheadReplicas = 65'536;
inline constexpr std::uint32_t kMaxOffers = 16;          // checkpoints named in one beacon
inline constexpr std::uint32_t kMaxHeadsInSwarm = 1024;  // of a line; accounts kept of replicas
inline constexpr std::uint32_t kMaxSuspended = 1024;  // of one head: they take no place in windows
inline constexpr std::uint32_t kMaxGoneTold = 32;     // instances named in one beacon
inline constexpr std::uint32_t kMaxGoneKnown = 1024;
inline constexpr std::uint32_t kMaxFloorsTold = 64;  // heads named in one beacon
inline constexpr std::uint32_t kMaxRefusals = 4096;  // remembered by one node
// Kept beside one checkpoint: gradients with ids whose gradient was given up, ranges of closed
// ones.
inline constexpr std::uint32_t kMaxKeptOverRestart = kMaxKeptGradients + kMaxRefusals;
inline constexpr std::uint64_t kMaxKeptFileBytes = 1024u * 1024 * 1024;  // of one checkpoint
inline constexpr std::uint32_t kMaxEpoch = 1'000'000'000;                // resumes of one swarm
inline constexpr std::uint32_t kMaxThreads = 1024;  // of one device's computation

// Membership: what one node knows of the others.
inline constexpr std::size_t kMaxMembers = 16'384;          // full records
inline constexpr std::size_t kMaxRemembered = 256;          // that vanished, with their addresses
inline constexpr std::size_t kMaxAddresses = 4;             // of one node
inline constexpr std::size_t kMaxRecordAddressBytes = 320;  // of one node, together
inline constexpr std::size_t kMaxVia = 3;                // peers that reach an outbound-only node
inline constexpr std::uint32_t kSmallSwarm = 512;        // up to here a node knows all members
inline constexpr std::size_t kMaxRumours = 48;           // in one message
inline constexpr std::size_t kMaxWaitingRumours = 2048;  // of one node: a split's worth
inline constexpr std::size_t kMaxSyncGroups = 64;        // digests in one message
inline constexpr std::size_t kMaxSyncEntries = 2048;     // ids with incarnations in one message
inline constexpr std::size_t kMaxSyncRecords = 80;       // records, or suspicions, in one message
inline constexpr std::size_t kMaxSummaries = 64;         // of other stages in one message
inline constexpr std::size_t kMaxProbeFavours = 64;      // probes under way for others
inline constexpr std::size_t kMaxDoubts = 256;           // members that are being checked
inline constexpr std::size_t kMaxDials = 16;             // under way
inline constexpr std::uint64_t kMaxIncarnation = 1ULL << 62;
inline constexpr std::uint64_t kMaxNodeMemoryBytes = 1ULL << 52;
inline constexpr std::size_t kMaxRecordBytes = 4 * 1024;   // signed, with its invite
inline constexpr std::size_t kMaxGossipBytes = 56 * 1024;  // of one message between members

// Wire.
inline constexpr std::size_t kMaxFrameHeaderBytes = 64 * 1024;
inline constexpr std::size_t kMaxFrameBytes = 1024 * 1024;  // header and one part of a payload
inline constexpr std::size_t kMaxPayloadBytes = 512u * 1024 * 1024;
inline constexpr std::size_t kMaxLinkQueueBytes = 1024u * 1024 * 1024;
// Kept free for small messages when gradients and activations have filled a link's queue.
inline constexpr std::size_t kControlReserveBytes = 16u * 1024 * 1024;
// Received but not yet handled by the core: then the link stops reading, and TCP holds the sender.
inline constexpr std::size_t kMaxReceiveBacklogBytes = 256u * 1024 * 1024;
inline constexpr std::uint32_t kMaxReceiveBacklogFrames = 4096;
inline constexpr std::uint32_t kMaxLinks = 1024;
inline constexpr std::size_t kMaxGoodbyeBytes = 512;
inline constexpr std::uint32_t kMaxCodecs = 32;                        // named in one Hello
inline constexpr std::uint64_t kMaxPosition = std::uint64_t{1} << 48;  // sequences and positions

// What outlives a connection: descriptions of swarms, invites, revocations.
inline constexpr std::size_t kMaxDescriptionBytes = 256 * 1024;  // signed
inline constexpr std::size_t kMaxInviteBytes = 8 * 1024;         // the line, with line ends inside
inline constexpr std::size_t kMaxContacts = 8;                   // addresses named in one invite
inline constexpr std::uint32_t kMaxInviteUses = 1'000'000;       // 0 beside it: any number
inline constexpr std::uint64_t kMaxUnixS = 253'402'300'799;      // the last second of year 9999
inline constexpr std::size_t kMaxRevocations = 4096;             // of one swarm
inline constexpr std::size_t kMaxRevocationBytes = 512;          // signed
inline constexpr std::size_t kMaxReasonBytes = 200;              // of a revocation

// Control service.
inline constexpr std::size_t kMaxWatchers = 64;
inline constexpr std::size_t kMaxWatchQueue = 4096;  // events that wait for one watcher

// Files.
inline constexpr std::size_t kMaxConfigBytes = 1024 * 1024;
inline constexpr std::size_t kMaxSafetensorsHeaderBytes = 100u * 1024 * 1024;
inline constexpr std::size_t kMaxTensorRank = 8;
inline constexpr std::size_t kMaxManifestBytes = 1024 * 1024;
inline constexpr std::uint64_t kMaxTokens = 1ULL << 48;     // of one token file
inline constexpr std::uint64_t kMaxTextBytes = 1ULL << 52;  // behind one token file
inline constexpr std::size_t kMaxInputFiles = 10'000'000;   // of one data preparation
inline constexpr std::size_t kMaxNotes = 1000;              // lines that name what was skipped
inline constexpr std::size_t kMaxNameBytes = 64;            // of a swarm
inline constexpr std::size_t kMaxPathBytes = 4096;          // PATH_MAX
inline constexpr std::size_t kMaxAddressBytes = 262;        // host name of 255, colon, port

}  // namespace brigade::limits
