// What is kept beside a checkpoint for repeats (swarm::Kept), in a file of its own next to it:
// step-<position>-e<epoch>.kept. Numbers are u64, little-endian:
//
//   "brgkept1"
//   epoch, position, stage, first block, blocks      of the checkpoint
//   number of ranges, number of gradients
//   a range:     head, first, end
//   a gradient:  epoch, head, sequence, loss (the bits of an fp64), tokens, is there (1, 0)
//                if it is there: codec, batch, tokens, width, XXH3-64 of the tensor; the tensor
//   XXH3-64 of all that
//
// A file that is damaged, or of another checkpoint or slice, is refused whole: it helps against
// applying something twice, and nothing else depends on it.
// Bounds: limits::kMaxKeptOverRestart ranges and gradients, kMaxKeptFileBytes; gradients beyond are
// not written, their ids are. Blocks on the disk: the blocking pool.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "daemon/payload.hpp"
#include "stage_runtime/stage.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

/// swarm::Kept with the bytes in it.
struct KeptData {
  struct Gradient {
    MicrobatchId id;
    swarm::LossSum loss;
    std::optional<PayloadData> payload;
  };
  std::vector<Gradient> gradients;
  std::vector<swarm::Kept::Range> closed;

  bool is_empty() const { return gradients.empty() && closed.empty(); }
};

/// Which weights contain what is kept.
struct KeptFor {
  swarm::CheckpointId checkpoint;
  stage::Slice slice;
};

/// Durable when it returns; an error leaves the file as it was.
Result<> write_kept(const std::filesystem::path& file, const KeptFor& what, const KeptData& kept);
/// kNotFound: there is none. kCorrupt, kIo, kLimit (no memory): nothing of it can be used.
Result<KeptData> read_kept(const std::filesystem::path& file, const KeptFor& what);

}  // namespace brigade::daemon
