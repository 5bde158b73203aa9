// The lab with a kernel around it: packets from the TUN devices into the lab and back, its commands
// from channels, its end when the program ends, stdin closes, somebody says quit, or a signal
// comes.
//
// One thread, one epoll. It runs with real-time priority where the machine allows it: a router that
// waits for a core adds to every delay. How late it was is in the counters.
#pragma once

#include <sys/types.h>

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tests/emulator/lab.hpp"
#include "tests/emulator/line_channel.hpp"
#include "tests/emulator/netns.hpp"
#include "tests/emulator/scenario.hpp"

namespace brigade::emulator {

class Router {
 public:
  /// `control`: a listening socket, or none. `uses_stdin`: commands come from there, answers go to
  /// stdout, and its end is the lab's.
  static Result<Router> make(const Scenario& scenario, const std::vector<Namespace>& namespaces,
                             Descriptor control, bool uses_stdin);

  /// `program`: the lab ends with it. Returns its exit code, 0 without one.
  int run(std::optional<pid_t> program);
  std::vector<std::string> counters() const { return lab_.counters(); }
  /// "node a 10.77.0.1 /proc/123/fd/5", one a node.
  std::vector<std::string> nodes() const;

 private:
  Router(const Scenario& scenario, const std::vector<Namespace>& namespaces, Descriptor control);

  Result<> watch(int fd, std::uint64_t what);
  void on_ready(std::uint64_t what);
  void on_signal();
  void on_control();
  void read_device(std::size_t node);
  void deliver();
  void arm_timer();
  void serve(LineChannel& channel, bool ends_with_it);
  std::string answer(const std::string& line);
  void begin_end();
  void check_program();

  Lab lab_;
  const std::vector<Namespace>* namespaces_;
  Descriptor epoll_;
  Descriptor timer_;
  Descriptor signals_;
  Descriptor control_;
  std::optional<LineChannel> stdin_;
  std::list<LineChannel> clients_;
  std::optional<pid_t> program_;
  std::optional<TimePoint> killed_at_;  // when the program's patience ends
  TimePoint armed_for_ = kNever;
  std::optional<int> exit_code_;
};

}  // namespace brigade::emulator
