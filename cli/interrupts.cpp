#include "cli/interrupts.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace brigade::cli {

namespace {

// Some senders tell a process and then its whole group: two signals at once are one wish.
constexpr std::int64_t kSameWishNanoseconds = 200'000'000;

std::atomic<int> caught = 0;
std::atomic<std::int64_t> last_caught = 0;  // 0: none yet
static_assert(std::atomic<int>::is_always_lock_free &&
                  std::atomic<std::int64_t>::is_always_lock_free,
              "a signal handler counts here");

void count_interrupt(int) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);  // async-signal-safe
  const std::int64_t at = std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  const std::int64_t before = last_caught.exchange(at, std::memory_order_relaxed);
  if (before != 0 && at - before < kSameWishNanoseconds) return;
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
