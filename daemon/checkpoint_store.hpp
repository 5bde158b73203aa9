// The checkpoints that a node can start from and the one that it writes.
//
// Own files lie in the state folder, one a checkpoint: step-<position>-e<epoch>.safetensors. Other
// folders (`resume_from`: the other nodes' of a run on this machine, or copies of them) are read
// only; they matter when this node's slice of the model is another than the files hold, since a
// resume may change the number of stages. A checkpoint is offered to the swarm only if the sound
// files of its id, own and others' together, cover every block of this node's slice.
//
// An own file that does not verify is moved aside (.corrupt) and said in one line.
//
// Beside an own checkpoint may lie what is kept for repeats (kept_file.hpp). It holds for these
// very weights alone: it goes with the checkpoint, before another one of that name is written or
// taken in, and is written after it. So a crash between the two loses it, and never mismatches
// them. Threading: core strand, except write(), write_kept(), read_kept(), take_in() and erase(),
// which the blocking pool calls.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/kept_file.hpp"
#include "daemon/members/copies.hpp"
#include "stage_runtime/stage.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

/// stage_runtime's functions, passed in so that this room links without torch.
struct CheckpointAccess {
  std::function<Result<stage::CheckpointInfo>(const std::filesystem::path&)> verify;
  std::function<Result<>(const stage::Snapshot&, const stage::CheckpointInfo&,
                         const std::filesystem::path&)>
      write;
};

class CheckpointStore {
 public:
  CheckpointStore(std::filesystem::path folder, stage::ModelShape model, stage::Slice slice,
                  CheckpointAccess access);

  /// Verifies all files, once, at a start. Each note is one line for the log. kBadInput: a sound
  /// file is of another model; kNotFound: a folder of `resume_from` is missing.
  Result<> scan(const std::vector<std::filesystem::path>& resume_from,
                std::vector<std::string>& notes);

  /// What this node can restore, oldest first.
  std::vector<swarm::CheckpointId> sound() const;
  /// The files to restore from; empty if there are none.
  std::vector<std::filesystem::path> files(const swarm::CheckpointId& checkpoint) const;

  /// Optimiser updates in it; 0 if it is unknown here.
  Version version(const swarm::CheckpointId& checkpoint) const;

  /// After a write of `info` succeeded, or its file was taken in.
  void add(const stage::CheckpointInfo& info);
  /// A file that another node of this stage wrote gets its name here, if it is sound, the
  /// checkpoint that was expected, of this model and of this slice; else it is removed, and the
  /// error says why. Blocks on the disk: called by the blocking pool.
  Result<stage::CheckpointInfo> take_in(const std::filesystem::path& file,
                                        const swarm::CheckpointId& expected) const;
  /// This node's own files, for another node of the stage.
  std::vector<HeldCheckpoint> own_files() const;
  /// No longer offered; erase() then takes the file away.
  void remove(const swarm::CheckpointId& checkpoint);

  /// Blocks on the disk. An error leaves nothing behind.
  Result<> write(const stage::Snapshot& snapshot, const stage::CheckpointInfo& info) const;
  Result<> erase(const swarm::CheckpointId& checkpoint) const;
  /// Of the checkpoint that was written last. Empty: no file.
  Result<> write_kept(const swarm::CheckpointId& checkpoint, const KeptData& kept) const;
  /// Empty where nothing is kept beside it, or it was read from `files` that are not this node's.
  Result<KeptData> read_kept(const swarm::CheckpointId& checkpoint,
                             const std::vector<std::filesystem::path>& files) const;

  std::filesystem::path own_file(const swarm::CheckpointId& checkpoint) const;
  std::filesystem::path kept_file(const swarm::CheckpointId& checkpoint) const;

 private:
  struct File {
    std::filesystem::path path;
    stage::CheckpointInfo info;
  };
  Result<> scan_folder(const std::filesystem::path& folder, bool is_own,
                       std::vector<std::string>& notes);
  Result<> take(const std::filesystem::path& file, bool is_own, std::vector<std::string>& notes);
  bool is_covered(const std::vector<File>& files) const;

  std::filesystem::path folder_;
  stage::ModelShape model_;
  stage::Slice slice_;
  CheckpointAccess access_;
  std::map<swarm::CheckpointId, std::vector<File>> files_;
};

/// Of this model, and of this slice and no other. kBadInput says what it is of.
Result<> check_fits(const stage::CheckpointInfo& info, const stage::ModelShape& model,
                    const stage::Slice& slice);

}  // namespace brigade::daemon
