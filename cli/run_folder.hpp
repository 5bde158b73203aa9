// The folder of a local run (--out): what lies where, and that only one `brigade local` uses it.
//
//   swarm.toml     the effective configuration, with version and seeds
//   data/          token files, where the run prepared them itself
//   events.jsonl   every event of the run (the contract of --log)
//   loss.csv       the loss curve
//   node-K/        the state directory of stage K's daemon: node.toml, identity.pem, checkpoints/,
//                  control.sock and its log
//   lock           held while a run goes on
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace brigade::cli {

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path root);
  RunFolder(RunFolder&& other) noexcept;
  RunFolder& operator=(RunFolder&& other) noexcept;
  ~RunFolder();  // lets the lock go

  /// Makes the folder for a new run and locks it. An older run in it is an error, or with
  /// `replaces` deleted (its own files only); a folder with other things in it is always an error.
  static Result<RunFolder> create(const std::filesystem::path& root, bool replaces);
  /// Locks the folder of an existing run. kNotFound says what is missing.
  static Result<RunFolder> reopen(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path swarm_file() const { return root_ / "swarm.toml"; }
  std::filesystem::path data() const { return root_ / "data"; }
  std::filesystem::path events() const { return root_ / "events.jsonl"; }
  std::filesystem::path loss_csv() const { return root_ / "loss.csv"; }
  std::filesystem::path node(std::uint32_t stage) const;
  std::filesystem::path node_file(std::uint32_t stage) const { return node(stage) / "node.toml"; }
  std::filesystem::path node_log(std::uint32_t stage) const { return node(stage) / "log"; }
  /// The control socket, absolute. A Unix socket's path has at most 107 bytes: where the folder
  /// lies too deep, a short one under /tmp that only this user can enter.
  std::filesystem::path control_socket(std::uint32_t stage) const;
  /// The node-K that are there, of whatever number of stages the run has had.
  std::vector<std::filesystem::path> node_folders() const;
  bool has_checkpoint() const;

 private:
  Result<> lock();

  std::filesystem::path root_;  // absolute
  int lock_ = -1;               // descriptor
};

}  // namespace brigade::cli
