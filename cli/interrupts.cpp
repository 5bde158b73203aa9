#include "cli/interrupts.hpp"

#include <atomic>
#include <csignal>

namespace brigade::cli {

namespace {

std::atomic<int> caught = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler counts here");

void count_interrupt(int) {
  caught.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = count_interrupt;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

int interrupts() {
  return caught.load(std::memory_order_relaxed);
}

}  // namespace brigade::cli
