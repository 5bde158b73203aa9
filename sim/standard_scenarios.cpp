// The table of standard scenarios: each says what it is about, and its name says the rest.
#include <algorithm>

#include "sim/scenario.hpp"

namespace brigade::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Fault::Kind;

/// A line on a good local network: what every scenario starts from and then changes.
Scenario line(const char* name, const char* about, std::uint32_t stages, std::uint64_t steps) {
  Scenario scenario;
  scenario.name = name;
  scenario.about = about;
  scenario.stages = stages;
  scenario.options.window = stages;
  scenario.options.steps = steps;
  scenario.options.checkpoint_every = 20;
  scenario.options.eval_every = 25;
  scenario.options.eval_batches = 2;
  scenario.options.final_eval_batches = 3;
  scenario.options.receipt_deadline = milliseconds{200};
  scenario.options.gradient_deadline = seconds{1};
  scenario.options.longest_pause = seconds{2};
  scenario.options.beacon_interval = milliseconds{100};
  return scenario;
}

std::vector<Scenario> healthy() {
  std::vector<Scenario> list;
  list.push_back(line("line-8", "eight equal stages, nothing goes wrong", 8, 120));
  list.push_back(line("one-stage", "head and tail are one node", 1, 60));
  list.push_back(line("two-stages", "the shortest line", 2, 60));

  Scenario jitter =
      line("jitter", "long-tailed latencies of home links, jitter in the devices", 8, 120);
  jitter.link.latency = long_tail(milliseconds{10}, milliseconds{20});
  jitter.device.jitter = 0.5;
  list.push_back(jitter);

  Scenario narrow = line("narrow-links", "serialisation dominates: 2 MB/s", 6, 80);
  narrow.link.bytes_per_second = 2'000'000;
  list.push_back(narrow);

  Scenario wide = line("wide-window", "64 micro-batches in flight in a line of 4", 4, 200);
  wide.options.window = 64;
  list.push_back(wide);

  Scenario one = line("window-1", "one micro-batch in flight", 5, 30);
  one.options.window = 1;
  list.push_back(one);

  Scenario found =
      line("window-found", "the head finds its window, over links with jitter", 4, 600);
  found.options.window = 0;
  found.link.latency = uniform(milliseconds{10}, milliseconds{10});
  list.push_back(found);

  Scenario late = line("late-start", "nodes start one after another within ten seconds", 8, 40);
  late.start_spread = seconds{10};
  list.push_back(late);
  return list;
}

std::vector<Scenario> schedules() {
  std::vector<Scenario> list;
  Scenario gpipe = line("gpipe", "groups of 4: all forwards, all backwards, one update", 4, 80);
  gpipe.options.schedule = swarm::Schedule::kGpipe;
  gpipe.options.accumulate = 4;
  gpipe.has_exact_weights = true;
  list.push_back(gpipe);

  Scenario early = gpipe;
  early.name = "1f1b";
  early.about = "groups of 12, each backward as soon as it can be";
  early.options.schedule = swarm::Schedule::k1f1b;
  early.options.accumulate = 12;
  list.push_back(early);

  Scenario partial = line("gpipe-partial", "the last group has 2 of 4 micro-batches", 4, 46);
  partial.options.schedule = swarm::Schedule::kGpipe;
  partial.options.accumulate = 4;
  partial.has_exact_weights = true;
  list.push_back(partial);

  Scenario lossy_gpipe = gpipe;
  lossy_gpipe.name = "gpipe-lossy";
  lossy_gpipe.about = "groups of 4 over links that lose one message in ten";
  lossy_gpipe.link.loss = 0.1;
  list.push_back(lossy_gpipe);

  Scenario lock_step = line("lock-step", "the deterministic schedule of the golden vectors", 4, 52);
  lock_step.options.lock_step = true;
  lock_step.has_exact_weights = true;
  list.push_back(lock_step);

  Scenario lossy_step = lock_step;
  lossy_step.name = "lock-step-lossy";
  lossy_step.about = "the deterministic schedule over links that lose and repeat: the same weights";
  lossy_step.link.loss = 0.1;
  lossy_step.link.duplicate = 0.1;
  lossy_step.link.latency = long_tail(milliseconds{1}, milliseconds{10});
  list.push_back(lossy_step);

  Scenario accumulate =
      line("accumulate-partial", "updates of 4 micro-batches, the last of 2", 6, 90);
  accumulate.options.accumulate = 4;
  list.push_back(accumulate);

  Scenario follows =
      line("accumulate-follows", "updates of 6 micro-batches, or as many as are late", 6, 300);
  follows.options.accumulate = 6;
  follows.options.accumulate_follows = true;
  follows.options.window = 24;
  list.push_back(follows);

  Scenario lock_accumulate = line("lock-step-accumulate", "lock-step with updates of 4", 4, 52);
  lock_accumulate.options.lock_step = true;
  lock_accumulate.options.accumulate = 4;
  lock_accumulate.has_exact_weights = true;
  list.push_back(lock_accumulate);
  return list;
}

std::vector<Scenario> bad_links() {
  std::vector<Scenario> list;
  Scenario lossy = line("lossy", "links lose one message in ten and repeat one in twenty", 8, 100);
  lossy.link.loss = 0.1;
  lossy.link.duplicate = 0.05;
  lossy.link.latency = uniform(milliseconds{1}, milliseconds{20});
  list.push_back(lossy);

  Scenario awful = line("very-lossy", "links lose two messages in five", 4, 30);
  awful.link.loss = 0.4;
  awful.bound = std::chrono::minutes{60};
  list.push_back(awful);

  Scenario breaking = line("breaking-link", "a link in the middle breaks every second", 8, 300);
  for (int second = 1; second <= 20; ++second) {
    breaking.faults.push_back({Kind::kBreakLink, seconds{second}, 3, milliseconds{300}, 1});
  }
  breaking.link.latency = constant(milliseconds{20});
  list.push_back(breaking);

  Scenario silent =
      line("silent-link", "a link swallows everything for seconds, nobody is told", 6, 80);
  for (int i = 0; i < 5; ++i) {
    silent.faults.push_back({Kind::kSilentLink, milliseconds{700 + 3000 * i},
                             static_cast<std::uint32_t>(i), milliseconds{1500}, 1});
  }
  list.push_back(silent);

  Scenario all = line("all-links-break", "every link breaks at the same instant, twice", 8, 100);
  for (std::uint32_t link = 0; link < 7; ++link) {
    all.faults.push_back({Kind::kBreakLink, milliseconds{800}, link, milliseconds{500}, 1});
    all.faults.push_back({Kind::kBreakLink, milliseconds{2500}, link, milliseconds{1500}, 1});
  }
  list.push_back(all);
  return list;
}

std::vector<Scenario> bad_devices() {
  std::vector<Scenario> list;
  Scenario slow = line("slow-stage", "one stage takes five times as long as the others", 8, 80);
  DeviceModel device;
  device.forward *= 5;
  device.backward *= 5;
  slow.other_devices = {{5, device}};
  list.push_back(slow);

  Scenario becomes =
      line("stage-becomes-slow", "a stage becomes 40 times as slow, and recovers", 8, 120);
  becomes.faults = {{Kind::kSlow, milliseconds{500}, 4, seconds{6}, 40}};
  list.push_back(becomes);

  Scenario rejects = line("rejected-inputs", "one in twenty payloads does not decode", 6, 80);
  rejects.device.reject = 0.05;
  list.push_back(rejects);

  Scenario disk = line("disk-failures", "a third of the writes fail, then a disk is full", 5, 120);
  disk.disk.store_failure = 0.33;
  disk.faults = {{Kind::kDiskFull, milliseconds{900}, 2, seconds{2}, 1}};
  disk.heals_at = seconds{20};
  list.push_back(disk);

  Scenario restore = line("restore-failures", "a third of the restores fail, with crashes", 4, 80);
  restore.disk.restore_failure = 0.33;
  restore.faults = {{Kind::kCrash, milliseconds{900}, 2, milliseconds{300}, 1},
                    {Kind::kCrash, seconds{3}, 0, milliseconds{300}, 1}};
  restore.options.may_start_over = true;  // where no checkpoint can be read
  restore.heals_at = seconds{20};
  list.push_back(restore);
  return list;
}

std::vector<Scenario> deaths() {
  std::vector<Scenario> list;
  Scenario crash =
      line("crash-each-stage", "every stage dies once and restarts from its disk", 6, 300);
  for (std::uint32_t stage = 0; stage < 6; ++stage) {
    crash.faults.push_back(
        {Kind::kCrash, seconds{1} + milliseconds{1300} * stage, stage, milliseconds{400}, 1});
  }
  list.push_back(crash);

  Scenario two = line("two-crashes-at-once", "head and tail die in the same instant", 5, 120);
  two.faults = {{Kind::kCrash, milliseconds{1100}, 0, milliseconds{700}, 1},
                {Kind::kCrash, milliseconds{1100}, 4, milliseconds{200}, 1}};
  list.push_back(two);

  Scenario gpipe = line("crash-gpipe", "a stage dies in the middle of a group", 4, 80);
  gpipe.options.schedule = swarm::Schedule::kGpipe;
  gpipe.options.accumulate = 8;
  gpipe.faults = {{Kind::kCrash, milliseconds{700}, 2, milliseconds{300}, 1},
                  {Kind::kCrash, milliseconds{1900}, 1, milliseconds{300}, 1}};
  list.push_back(gpipe);

  Scenario first =
      line("crash-before-second-commit",
           "a stage dies when only the start is committed and some disks have more", 5, 60);
  first.disk.store = constant(milliseconds{150});
  first.device.forward = milliseconds{5};
  first.faults = {{Kind::kCrash, milliseconds{510}, 1, milliseconds{300}, 1}};
  list.push_back(first);

  Scenario wiped =
      line("wiped-disk", "a stage comes back with an empty disk: nothing starts over", 4, 200);
  wiped.faults = {{Kind::kWipe, milliseconds{900}, 2, milliseconds{300}, 1}};
  wiped.ending = Ending::kBlocked;
  list.push_back(wiped);

  Scenario over = wiped;
  over.name = "wiped-disk-start-over";
  over.about = "a stage comes back with an empty disk, and the run may start over";
  over.options.may_start_over = true;
  over.ending = Ending::kFinished;
  list.push_back(over);

  Scenario stop = line("stop-in-the-middle", "the head is asked to stop", 6, 10'000);
  stop.faults = {{Kind::kStop, seconds{2}, 0, Duration::zero(), 1}};
  stop.ending = Ending::kStopped;
  list.push_back(stop);

  Scenario stop_tail =
      line("stop-at-the-tail", "the tail is asked to stop, over lossy links", 6, 10'000);
  stop_tail.link.loss = 0.05;
  stop_tail.faults = {{Kind::kStop, seconds{2}, 5, Duration::zero(), 1}};
  stop_tail.ending = Ending::kStopped;
  list.push_back(stop_tail);

  Scenario deadline =
      line("stop-with-deadline", "a stop whose deadline comes before the drain", 4, 10'000);
  deadline.options.window = 32;
  deadline.device.backward = milliseconds{200};
  for (std::uint32_t stage = 0; stage < 4; ++stage) {
    deadline.faults.push_back({Kind::kStop, seconds{3}, stage, milliseconds{500}, 1});
  }
  deadline.ending = Ending::kSaved;
  list.push_back(deadline);
  return list;
}

Scenario thousand() {
  Scenario scenario = line("thousand-stages", "one line of 1,000 stages", 1000, 40);
  scenario.options.window = 40;
  scenario.options.checkpoint_every = 0;
  scenario.options.eval_every = 0;
  scenario.options.final_eval_batches = 1;
  scenario.options.receipt_deadline = seconds{5};
  scenario.options.gradient_deadline = seconds{60};
  scenario.options.longest_pause = seconds{60};
  scenario.options.beacon_interval = seconds{5};
  scenario.bound = std::chrono::minutes{60};
  return scenario;
}

std::vector<Scenario> make_table() {
  std::vector<Scenario> table;
  for (auto part : {healthy(), schedules(), bad_links(), bad_devices(), deaths()}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  table.push_back(thousand());
  return table;
}

}  // namespace

const std::vector<Scenario>& standard_scenarios() {
  static const std::vector<Scenario> kTable = make_table();
  return kTable;
}

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& scenario : standard_scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

}  // namespace brigade::sim
