// bench-membership [NODES [STAGES [MINUTES]]]: a large swarm's membership on one core, in the
// simulator: nodes come and go (5 % of them a minute: half of those that go crash, a quarter lose
// power, a quarter say goodbye; as many join), 40 % can't be dialled. Says what it costs, how soon
// all who should know of a death, a goodbye or a newcomer do, and what views get wrong meanwhile.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "bench/processor.hpp"
#include "sim/membership/world.hpp"

namespace {

using brigade::Duration;
using brigade::Random;
using brigade::StageIndex;
using brigade::TimePoint;
using brigade::sim::MemberWorld;
using brigade::sim::MemberWorldOptions;
namespace core = brigade::swarm::membership;
using Host = MemberWorld::HostIndex;

constexpr double kChurnMinute = 0.05;
constexpr double kOutboundOnly = 0.4;

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

/// When observers learned what became of a host.
class Stopwatch {
 public:
  void start(const std::string& what, Host subject, TimePoint now, core::Standing until) {
    open_[subject] = {what, now, until};
  }
  void see(Host observer, Host subject, TimePoint now, core::Standing standing) {
    if (observer >= subject && standing == core::Standing::kAlive) return;  // it came later itself
    const auto found = open_.find(subject);
    if (found == open_.end()) return;
    const bool is_it =
        standing == found->second.until ||
        (found->second.until == core::Standing::kDead && standing == core::Standing::kGone);
    if (is_it) times_[found->second.what].push_back(seconds(now - found->second.at));
  }
  void print() {
    for (auto& [what, times] : times_) {
      std::sort(times.begin(), times.end());
      const auto at = [&, &sorted = times](double share) {
        return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
      };
      std::printf("  %-22s known after: median %5.1f s, 99 %% %5.1f s, most %5.1f s (%zu times)\n",
                  what.c_str(), at(0.5), at(0.99), at(1), times.size());
    }
  }

 private:
  struct Open {
    std::string what;
    TimePoint at;
    core::Standing until;
  };
  std::map<Host, Open> open_;
  std::map<std::string, std::vector<double>> times_;
};

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  file >> pages >> resident;
  return resident * 4096;
}

class Bench {
 public:
  Bench(std::uint32_t nodes, std::uint32_t stages)
      : nodes_(nodes), stages_(stages), random_(7), world_(options(stages)) {
    world_.watch([this](Host host, const core::Action& action) {
      const auto* changed = std::get_if<core::MemberChanged>(&action);
      if (!changed) return;
      watch_.see(host, world_.host_of(changed->record->id), world_.now(), changed->standing);
    });
  }

  void grow() {
    // Doubling every ten seconds or so, as a swarm that is announced somewhere.
    while (live_.size() < nodes_) {
      const std::size_t more =
          std::min(nodes_ - live_.size(), std::max<std::size_t>(8, live_.size() / 10));
      for (std::size_t i = 0; i < more; ++i) join();
      run(std::chrono::seconds{1});
    }
    report("grown");
    run(std::chrono::seconds{60});
    report("settled");
  }

  void churn(int minutes) {
    const double a_second = static_cast<double>(nodes_) * kChurnMinute / 60;
    double due = 0;
    for (int minute = 0; minute < minutes; ++minute) {
      for (int second = 0; second < 60; ++second) {
        for (due += a_second; due >= 1; due -= 1) {
          depart();
          const Host host = join();
          watch_.start("a newcomer", host, world_.now(), core::Standing::kAlive);
        }
        run(std::chrono::seconds{1});
      }
      report("churn");
    }
  }

  void calm() {
    const TimePoint from = world_.now();
    while (!world_.errors(step()).has_none() && world_.now() - from < std::chrono::minutes{3}) {
      run(std::chrono::seconds{1});
    }
    std::printf("after the churn, all views sampled agree after %.0f s\n",
                seconds(world_.now() - from));
    watch_.print();
  }

 private:
  static MemberWorldOptions options(std::uint32_t stages) {
    MemberWorldOptions options;
    options.node.stages = stages;
    options.node.memory_bytes = 1 << 30;
    options.node.pace = std::chrono::seconds{10};
    options.first_contacts = 3;
    return options;
  }
  std::uint32_t step() const { return std::max(nodes_ / 100, 1u); }

  Host join() {
    const StageIndex stage{static_cast<std::uint32_t>(random_.below(stages_))};
    const Host host = world_.add(stage, live_.empty() || !random_.chance(kOutboundOnly));
    live_.push_back(host);
    return host;
  }
  void depart() {
    const std::size_t i = random_.below(live_.size());
    const Host host = live_[i];
    live_[i] = live_.back();
    live_.pop_back();
    const std::uint64_t how = random_.below(4);
    const auto standing = how == 0 ? core::Standing::kGone : core::Standing::kDead;
    watch_.start(how == 0   ? "a goodbye"
                 : how == 1 ? "a power cut"
                            : "a crash",
                 host, world_.now(), standing);
    if (how == 0) world_.leave(host);
    if (how == 1) world_.cut_power(host);
    if (how > 1) world_.kill(host);
  }

  void run(Duration time) {
    const std::clock_t begin = std::clock();
    world_.run_for(time);
    took_ += static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    virtual_ += time;
  }

  void report(const char* phase) {
    const auto& totals = world_.totals();
    const double node_seconds = seconds(virtual_) * static_cast<double>(live_.size());
    const auto errors = world_.errors(step());
    const auto share = [&](std::uint64_t wrong) {
      return 1e6 * static_cast<double>(wrong) /
             static_cast<double>(std::max<std::uint64_t>(errors.checked, 1));
    };
    std::printf(
        "%-8s %5.0f s virtual, %6.3f s of CPU a virtual second, %8.0f events/s; a node: %5.2f "
        "messages/s, "
        "%6.0f B/s, dials a minute %4.2f; ghosts %.0f, missing %.0f a million; wrongly dead %llu, "
        "largest message %llu B, %.1f GB resident, blames %llu\n",
        phase, seconds(world_.now().time_since_epoch()), took_ / seconds(virtual_),
        static_cast<double>(totals.events - before_.events) / took_,
        static_cast<double>(totals.messages - before_.messages) / node_seconds,
        static_cast<double>(totals.bytes - before_.bytes) / node_seconds,
        60 * static_cast<double>(totals.dials - before_.dials) / node_seconds, share(errors.ghosts),
        share(errors.missing),
        static_cast<unsigned long long>(totals.buried_alive - before_.buried_alive),
        static_cast<unsigned long long>(totals.largest_message),
        static_cast<double>(resident_bytes()) / 1e9,
        static_cast<unsigned long long>(totals.blames));
    constexpr const char* kKinds[] = {"hello",       "gossip",       "probe",
                                      "probe ack",   "probe for",    "result",
                                      "sync digest", "sync entries", "sync records"};
    std::printf("         messages a node and minute:");
    for (std::size_t i = 0; i < std::size(kKinds); ++i) {
      std::printf(" %s %.2f", kKinds[i],
                  60 * static_cast<double>(totals.kinds[i] - before_.kinds[i]) / node_seconds);
    }
    std::printf("\n");
    std::fflush(stdout);
    before_ = totals;
    took_ = 0;
    virtual_ = {};
  }

  std::uint32_t nodes_;
  std::uint32_t stages_;
  Random random_;
  MemberWorld world_;
  Stopwatch watch_;
  std::vector<Host> live_;
  MemberWorld::Totals before_;
  double took_ = 0;  // seconds of CPU
  Duration virtual_{};
};

}  // namespace

int main(int count, char** arguments) {
  const auto number = [&](int i, long otherwise) {
    return count > i ? std::strtol(arguments[i], nullptr, 10) : otherwise;
  };
  std::printf("machine: %s\n", brigade::bench::processor().c_str());
  Bench bench(static_cast<std::uint32_t>(number(1, 10'000)),
              static_cast<std::uint32_t>(number(2, 32)));
  bench.grow();
  bench.churn(static_cast<int>(number(3, 2)));
  bench.calm();
  return 0;
}
