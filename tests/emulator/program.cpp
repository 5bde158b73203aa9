#include "tests/emulator/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace brigade::emulator {

namespace {

constexpr int kCannotStart = 127;
constexpr char kNamesFolder[] = "/run/netns";

Result<> mount_at(const char* what, const std::string& where, const char* type,
                  unsigned long flags) {
  if (::mount(what, where.c_str(), type, flags, nullptr) == 0) return {};
  return system_error("mounting " + where);
}

/// What the rest of the machine does not see: this /proc, these names.
Result<> furnish_mounts(const std::vector<std::string>& names,
                        const std::vector<Namespace>& namespaces) {
  BRIGADE_TRY(mount_at("none", "/", nullptr, MS_REC | MS_PRIVATE));
  BRIGADE_TRY(mount_at("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC));
  if (::mkdir(kNamesFolder, 0755) != 0 && errno != EEXIST) return system_error(kNamesFolder);
  BRIGADE_TRY(mount_at("none", kNamesFolder, "tmpfs", MS_NOSUID | MS_NODEV));
  for (std::size_t node = 0; node < names.size(); ++node) {
    const std::string name = fmt::format("{}/{}", kNamesFolder, names[node]);
    const Descriptor place(::open(name.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0444));
    if (!place) return system_error(name);
    const std::string net = fmt::format("/proc/self/fd/{}", namespaces[node].net.get());
    BRIGADE_TRY(mount_at(net.c_str(), name, nullptr, MS_BIND));
  }
  return {};
}

[[noreturn]] void give_up(const std::string& message) {
  std::fprintf(stderr, "brigade-netlab: %s\n", message.c_str());
  std::_Exit(kCannotStart);
}

void restore_signals() {
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t all{};
  sigfillset(&all);
  ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
}

[[noreturn]] void become(const ProgramOptions& options, const std::vector<Namespace>& namespaces) {
  if (options.node && ::setns(namespaces[*options.node].net.get(), CLONE_NEWNET) != 0)
    give_up(system_error("setns").message);
  for (const std::string& entry : options.environment) {
    const std::size_t equals = entry.find('=');
    ::setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
  }
  std::vector<char*> arguments;
  for (const std::string& argument : options.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  restore_signals();
  ::execvp(arguments[0], arguments.data());
  give_up(system_error(options.arguments[0]).message);
}

/// Reaps whatever the command leaves orphaned, until the command itself has ended.
[[noreturn]] void tend(pid_t command, const sigset_t& watched) {
  while (true) {
    siginfo_t info{};
    const int signal = ::sigwaitinfo(&watched, &info);
    // A terminal's Ctrl-C reaches the command without us.
    if ((signal == SIGTERM || signal == SIGINT) && info.si_code != SI_KERNEL)
      ::kill(command, signal);
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended != command) continue;
      std::_Exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
  }
}

}  // namespace

Result<pid_t> start_program(const ProgramOptions& options, const std::vector<std::string>& names,
                            const std::vector<Namespace>& namespaces) {
  const long first = ::syscall(SYS_clone, SIGCHLD | CLONE_NEWPID | CLONE_NEWNS, 0, 0, 0, 0);
  if (first < 0) return system_error("a process namespace (are you root?)");
  if (first > 0) return static_cast<pid_t>(first);

  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t watched{};
  sigemptyset(&watched);
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&watched, signal);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  if (const auto furnished = furnish_mounts(names, namespaces); !furnished)
    give_up(furnished.error().message);
  const pid_t command = ::fork();
  if (command < 0) give_up(system_error("fork").message);
  if (command == 0) become(options, namespaces);
  tend(command, watched);
}

}  // namespace brigade::emulator
