// The daemons of a local run: one `brigaded` a stage, on loopback.
//
// Their files (node.toml) are written here, their identities made by `brigaded --show-id`, their
// peers pinned by node id: stage k dials stage k−1. They run in process groups of their own, with
// one compute thread each unless told otherwise, and watch a pipe whose other end only we hold:
// when this process dies in any way, they see its end and stop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <ios>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/child.hpp"
#include "cli/run_folder.hpp"

namespace brigade::cli {

struct DaemonOptions {
  std::uint32_t stages = 1;
  std::string device = "auto";
  std::uint32_t threads = 1;
  std::uint32_t link_delay_ms = 0;  // round trip that the daemons add to their links
  bool resumes = false;  // any node may restore from all the run's checkpoints: P may have changed
};

/// How a daemon ended.
struct DaemonExit {
  std::uint32_t stage = 0;
  pid_t pid = 0;
  int status = 0;         // as waitpid gives it
  std::string last_line;  // of its log
  bool is_clean() const { return status == 0; }
};
std::string describe(const DaemonExit& exit);
/// Did it end because somebody else listens on its port?
bool is_port_clash(const DaemonExit& exit);

class Daemons {
 public:
  /// Writes the node files and starts all. `folder` outlives the daemons.
  static Result<Daemons> start(const RunFolder& folder, const DaemonOptions& options);
  Daemons(Daemons&&) noexcept;
  Daemons& operator=(Daemons&&) noexcept;
  ~Daemons();  // SIGKILL to what still runs

  /// One that has ended since the last call; each is told once.
  std::optional<DaemonExit> poll_exit();
  std::uint32_t running() const;
  void signal(int number);

 private:
  Daemons() = default;

  struct Entry {
    Child child;
    std::filesystem::path log;
    std::streamoff log_start = 0;  // bytes that an earlier daemon wrote
    bool has_ended = false;
  };
  std::vector<Entry> entries_;
  int pipe_ = -1;  // our end: closed with us
};

}  // namespace brigade::cli
