// Child processes: daemons that outlive a Ctrl-C but not the CLI, and programs whose output is
// wanted.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace brigade::cli {

/// The file `name` beside the running program: brigaded and brigade-stage are installed together
/// with brigade.
Result<std::filesystem::path> find_program(std::string_view name);

/// "was killed by signal 9 (SIGKILL)", "exited with code 1"; `status` as waitpid gives it.
std::string describe_exit(int status);

/// A running child in a process group of its own, so that the terminal's Ctrl-C reaches only us.
class Child {
 public:
  struct Options {
    std::filesystem::path program;
    std::vector<std::string> arguments;    // without the program's name
    std::filesystem::path log;             // stdout and stderr, appended
    std::vector<std::string> environment;  // NAME=VALUE, where ours does not set it
    int inherited_fd = -1;                 // handed on as descriptor kInheritedFd
  };
  static constexpr int kInheritedFd = 3;

  static Result<Child> start(const Options& options);
  Child(Child&& other) noexcept : pid_(other.pid_), status_(other.status_) { other.pid_ = -1; }
  Child& operator=(Child&& other) noexcept;
  ~Child();  // SIGKILL and reaped if it still runs

  pid_t pid() const { return pid_; }
  /// The wait status once it has ended; never blocks.
  std::optional<int> poll();
  void signal(int number);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// What a program printed and how it ended.
struct Output {
  int status = 0;
  std::string out;
  std::string last_error_line;  // of stderr
};

/// Runs a program to its end and keeps its stdout (at most 16 MB); ends it after `timeout`.
Result<Output> run_program(const std::filesystem::path& program,
                           const std::vector<std::string>& arguments,
                           std::chrono::milliseconds timeout);

}  // namespace brigade::cli
