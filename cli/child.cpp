#include "cli/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace brigade::cli {

namespace {

constexpr std::size_t kMaxOutputBytes = 16u * 1024 * 1024;

// posix_spawn's two structures, freed on every path.
struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

Result<pid_t> spawn(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment, const SpawnSettings& settings) {
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // The first of two equal names wins in getenv: what the user has set goes before our defaults.
  std::vector<char*> envp;
  for (char** setting = environ; *setting != nullptr; ++setting) envp.push_back(*setting);
  for (const std::string& setting : environment) envp.push_back(const_cast<char*>(setting.c_str()));
  envp.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &settings.files, &settings.attributes,
                                  argv.data(), envp.data());
  if (error != 0) {
    return make_error(ErrorCode::kIo,
                      fmt::format("{}: cannot start: {}", program.string(), std::strerror(error)));
  }
  return pid;
}

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  bool open() { return ::pipe2(ends.data(), O_CLOEXEC) == 0; }
  void close_end(std::size_t end) {
    if (ends.at(end) >= 0) ::close(ends.at(end));
    ends.at(end) = -1;
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
};

// Reads both pipes to their ends; false when `deadline` passes first.
bool drain(Pipe& out, Pipe& err, std::chrono::steady_clock::time_point deadline, std::string& text,
           std::string& errors) {
  std::array<pollfd, 2> polled = {{{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}}};
  std::array<char, 65536> buffer{};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) < 0) continue;
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if ((polled.at(i).revents & (POLLIN | POLLHUP)) == 0) continue;
      const ssize_t count = ::read(polled.at(i).fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        polled.at(i).fd = -1;  // poll passes over it
        continue;
      }
      std::string& target = i == 0 ? text : errors;
      if (target.size() < kMaxOutputBytes)
        target.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  return true;
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const auto start = text.find_last_of('\n');
  return start == std::string::npos ? text : text.substr(start + 1);
}

}  // namespace

Result<std::filesystem::path> find_program(std::string_view name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return make_error(ErrorCode::kIo, "/proc/self/exe: cannot read: " + error.message());
  auto program = self.parent_path() / name;
  if (::access(program.c_str(), X_OK) != 0) {
    return make_error(
        ErrorCode::kNotFound,
        fmt::format("{}: not found beside brigade: build or install it too", program.string()));
  }
  return program;
}

std::string describe_exit(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    const char* name = ::sigabbrev_np(number);
    return fmt::format("was killed by signal {} ({}{})", number, name == nullptr ? "" : "SIG",
                       name == nullptr ? "unknown" : name);
  }
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

Result<Child> Child::start(const Options& options) {
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&settings.files, STDOUT_FILENO, options.log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&settings.files, STDOUT_FILENO, STDERR_FILENO);
  if (options.inherited_fd >= 0) {
    posix_spawn_file_actions_adddup2(&settings.files, options.inherited_fd, kInheritedFd);
  }
  BRIGADE_ASSIGN(const pid_t pid,
                 spawn(options.program, options.arguments, options.environment, settings));
  return Child(pid);
}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0 || status_) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
}

std::optional<int> Child::poll() {
  int status = 0;
  if (pid_ >= 0 && !status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

void Child::signal(int number) {
  if (pid_ >= 0 && !status_) ::kill(pid_, number);
}

Result<Output> run_program(const std::filesystem::path& program,
                           const std::vector<std::string>& arguments,
                           std::chrono::milliseconds timeout) {
  Pipe out;
  Pipe err;
  if (!out.open() || !err.open()) {
    return make_error(ErrorCode::kIo, fmt::format("pipe: {}", std::strerror(errno)));
  }
  pid_t pid = -1;
  {
    SpawnSettings settings;
    posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&settings.files, out.ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&settings.files, err.ends[1], STDERR_FILENO);
    BRIGADE_ASSIGN(pid, spawn(program, arguments, {}, settings));
  }
  out.close_end(1);
  err.close_end(1);
  Output output;
  std::string errors;
  const bool has_ended =
      drain(out, err, std::chrono::steady_clock::now() + timeout, output.out, errors);
  if (!has_ended) ::kill(pid, SIGKILL);
  while (::waitpid(pid, &output.status, 0) < 0 && errno == EINTR) {
  }
  output.last_error_line = last_line(std::move(errors));
  if (!has_ended) {
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("{}: gave no answer in {} s", program.filename().string(),
                                  timeout.count() / 1000));
  }
  return output;
}

}  // namespace brigade::cli
