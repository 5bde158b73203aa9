// The folder of one node, mode 0700, held by one daemon at a time:
//
//   lock             held (flock) while a daemon runs; a dead daemon holds nothing
//   identity.pem     the node's private key, mode 0600
//   epoch            the newest epoch that this node took part in, one decimal number
//   checkpoints/     step-<position>-e<epoch>.safetensors, this stage's slice
//   checkpoints/     step-<position>-e<epoch>.kept, what is kept for repeats beside it
//   control.sock     the control service, mode 0600
//   drained, left    what its owner wishes, while they are there: brigade drain, brigade leave
//
// Files are replaced whole: temporary file, fsync, rename, fsync of the folder.
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace brigade::daemon {

class StateDir {
 public:
  /// Makes the folder where it is missing and takes the lock. kUnavailable: another daemon has it;
  /// kIo: it can't be made or written.
  static Result<StateDir> open(const std::filesystem::path& folder);
  StateDir(StateDir&& other) noexcept;
  StateDir& operator=(StateDir&&) = delete;
  ~StateDir();

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }

  /// Absent: never written. kCorrupt: not a number.
  Result<std::optional<Epoch>> read_epoch() const;
  /// Durable when it returns. Blocks on the disk.
  Result<> write_epoch(Epoch epoch) const;

  /// Its owner has it take no work, until it resumes.
  bool is_drained() const;
  Result<> note_drained(bool is_drained) const;
  /// It has left its swarm for good: until it joins again, whoever starts it is to do nothing.
  static bool has_left(const std::filesystem::path& folder);
  Result<> note_left() const;

 private:
  StateDir(std::filesystem::path folder, int lock) : folder_(std::move(folder)), lock_(lock) {}

  std::filesystem::path folder_;
  int lock_ = -1;
};

}  // namespace brigade::daemon
