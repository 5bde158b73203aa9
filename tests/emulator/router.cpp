#include "tests/emulator/router.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

namespace brigade::emulator {

namespace {

// What an epoll event is about; TUN devices follow from kFirstDevice on.
constexpr std::uint64_t kTimer = 0;
constexpr std::uint64_t kSignals = 1;
constexpr std::uint64_t kControl = 2;
constexpr std::uint64_t kStdin = 3;
constexpr std::uint64_t kFirstDevice = 16;
constexpr std::uint64_t kFirstClient = 1024;  // by descriptor

constexpr std::size_t kMaxClients = 8;
constexpr int kEventsAtOnce = 64;
constexpr int kPacketsAtOnce = 64;  // of one device, before the others and what is due
constexpr std::size_t kMaxPacketBytes = 65'536;
constexpr Duration kPatience = std::chrono::seconds{10};  // with a program that was told to end
constexpr int kPriority = -10;                            // where real time is refused

TimePoint clock_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return TimePoint(std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec});
}

/// Children get an ordinary priority again.
void run_before_others() {
  sched_param parameters{};
  parameters.sched_priority = 1;
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0) return;
  ::setpriority(PRIO_PROCESS, 0, kPriority);
}

}  // namespace

Router::Router(const Scenario& scenario, const std::vector<Namespace>& namespaces,
               Descriptor control)
    : lab_(scenario.nodes, scenario.seed, clock_now()),
      namespaces_(&namespaces),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      control_(std::move(control)) {}

Result<Router> Router::make(const Scenario& scenario, const std::vector<Namespace>& namespaces,
                            Descriptor control, bool uses_stdin) {
  Router router(scenario, namespaces, std::move(control));
  sigset_t watched{};
  sigemptyset(&watched);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&watched, signal);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  router.signals_ = Descriptor(::signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!router.epoll_ || !router.timer_ || !router.signals_) return system_error("epoll");
  BRIGADE_TRY(router.watch(router.timer_.get(), kTimer));
  BRIGADE_TRY(router.watch(router.signals_.get(), kSignals));
  if (router.control_) BRIGADE_TRY(router.watch(router.control_.get(), kControl));
  if (uses_stdin) {
    router.stdin_.emplace(Descriptor(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)),
                          Descriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)));
    BRIGADE_TRY(router.watch(router.stdin_->fd(), kStdin));
  }
  for (std::size_t node = 0; node < namespaces.size(); ++node)
    BRIGADE_TRY(router.watch(namespaces[node].tun.get(), kFirstDevice + node));
  for (const Command& command : scenario.script)
    BRIGADE_TRY(router.lab_.submit(clock_now(), command));
  return router;
}

Result<> Router::watch(int fd, std::uint64_t what) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = what;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return system_error("watching a descriptor");
}

// ---- The loop -------------------------------------------------------------------------------

int Router::run(std::optional<pid_t> program) {
  program_ = program;
  run_before_others();
  std::array<epoll_event, kEventsAtOnce> events{};
  while (!exit_code_) {
    deliver();
    arm_timer();
    const int ready = ::epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, -1);
    for (int i = 0; i < ready && !exit_code_; ++i)
      on_ready(events[static_cast<std::size_t>(i)].data.u64);
  }
  return *exit_code_;
}

void Router::on_ready(std::uint64_t what) {
  if (what == kTimer) {
    std::uint64_t expirations = 0;
    (void)!::read(timer_.get(), &expirations, sizeof expirations);
    armed_for_ = kNever;
    if (killed_at_ && clock_now() >= *killed_at_) ::kill(*program_, SIGKILL);
  } else if (what == kSignals) {
    on_signal();
  } else if (what == kControl) {
    on_control();
  } else if (what == kStdin) {
    serve(*stdin_, /*ends_with_it=*/true);
  } else if (what >= kFirstClient) {
    const auto client = std::find_if(clients_.begin(), clients_.end(), [&](const LineChannel& one) {
      return static_cast<std::uint64_t>(one.fd()) == what - kFirstClient;
    });
    if (client != clients_.end()) serve(*client, /*ends_with_it=*/false);
  } else {
    read_device(what - kFirstDevice);
  }
}

void Router::read_device(std::size_t node) {
  std::array<std::byte, kMaxPacketBytes> bytes;
  for (int i = 0; i < kPacketsAtOnce; ++i) {
    const ssize_t got = ::read((*namespaces_)[node].tun.get(), bytes.data(), bytes.size());
    if (got <= 0) return;
    lab_.offer(clock_now(), node, Packet(bytes.begin(), bytes.begin() + got));
  }
}

void Router::deliver() {
  const TimePoint now = clock_now();
  while (const auto arrival = lab_.poll(now)) {
    // Refused only where the receiver has no memory: then it is lost, as on a real host.
    (void)!::write((*namespaces_)[arrival->node].tun.get(), arrival->packet.data(),
                   arrival->packet.size());
  }
}

void Router::arm_timer() {
  TimePoint due = lab_.next_wakeup();
  if (killed_at_) due = std::min(due, *killed_at_);
  if (due == armed_for_) return;
  armed_for_ = due;
  itimerspec when{};  // zero: never
  if (due != kNever) {
    // A time that has passed fires at once; zero would not fire at all.
    const auto since = std::max(due.time_since_epoch(), Duration{1});
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    when.it_value.tv_sec = seconds.count();
    when.it_value.tv_nsec = (since - seconds).count();
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

// ---- Commands -------------------------------------------------------------------------------

void Router::on_control() {
  Descriptor client(::accept4(control_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client || clients_.size() >= kMaxClients) return;
  const auto what = kFirstClient + static_cast<std::uint64_t>(client.get());
  if (watch(client.get(), what)) clients_.emplace_back(std::move(client), Descriptor());
}

void Router::serve(LineChannel& channel, bool ends_with_it) {
  const auto lines = channel.read();
  if (!lines) {
    if (ends_with_it) begin_end();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, channel.fd(), nullptr);
    std::erase_if(clients_, [&](const LineChannel& one) { return &one == &channel; });
    return;
  }
  for (const std::string& line : *lines) {
    if (!is_blank(line)) channel.write(answer(line));
  }
}

std::string Router::answer(const std::string& line) {
  const auto command = parse_command(line);
  if (!command) return fmt::format("error: {}\n", command.error().message);
  std::vector<std::string> said;
  switch (command->kind) {
    case Command::Kind::kCounters:
      said = lab_.counters();
      break;
    case Command::Kind::kNodes:
      said = nodes();
      break;
    case Command::Kind::kQuit:
      begin_end();
      break;
    default:
      if (const auto taken = lab_.submit(clock_now(), *command); !taken)
        return fmt::format("error: {}\n", taken.error().message);
  }
  said.emplace_back("ok");
  return fmt::format("{}\n", fmt::join(said, "\n"));
}

std::vector<std::string> Router::nodes() const {
  std::vector<std::string> lines;
  for (std::size_t node = 0; node < namespaces_->size(); ++node) {
    lines.push_back(fmt::format("node {} {} /proc/{}/fd/{}", lab_.nodes()[node], address_of(node),
                                ::getpid(), (*namespaces_)[node].net.get()));
  }
  return lines;
}

// ---- The end --------------------------------------------------------------------------------

void Router::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) {
      check_program();
    } else if (info.ssi_signo == SIGINT && info.ssi_code == SI_KERNEL && program_) {
      killed_at_ = clock_now() + kPatience;  // the terminal told the program as well
    } else {
      begin_end();
    }
  }
}

void Router::begin_end() {
  if (!program_) {
    exit_code_ = 0;
    return;
  }
  if (killed_at_) {  // asked twice
    ::kill(*program_, SIGKILL);
    return;
  }
  ::kill(*program_, SIGTERM);
  killed_at_ = clock_now() + kPatience;
}

void Router::check_program() {
  int status = 0;
  if (!program_ || ::waitpid(*program_, &status, WNOHANG) != *program_) return;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace brigade::emulator
