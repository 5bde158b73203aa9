// Schedules under every order of arrival, beside the rules written down naively.
#include "swarm/task_queue.hpp"

#include <algorithm>
#include <deque>

#include "base/random.hpp"
#include "tests/property/swarm/seeds.hpp"

namespace brigade::swarm::test {
namespace {

using Kind = TaskQueue::Pick::Kind;

Entry entry(std::uint64_t sequence) {
  Entry result;
  result.id.sequence = Sequence{sequence};
  return result;
}

/// 0 … count − 1 in a random order in which nothing comes more than `spread` early.
std::vector<std::uint64_t> arrivals(Random& random, std::uint64_t count, std::uint64_t spread) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> keyed;
  for (std::uint64_t i = 0; i < count; ++i) keyed.emplace_back(i + random.below(spread), i);
  std::sort(keyed.begin(), keyed.end());
  std::vector<std::uint64_t> order;
  for (const auto& [key, sequence] : keyed) order.push_back(sequence);
  return order;
}

struct Taken {
  Kind kind;
  std::uint64_t sequence;
  bool operator==(const Taken&) const = default;
};

/// Feeds forwards and the gradients of what was forwarded in random order, takes what is given.
std::vector<Taken> play(TaskQueue& tasks, Random& random, std::uint64_t count, bool is_known,
                        std::uint32_t group_size) {
  std::vector<Taken> taken;
  std::deque<std::uint64_t> inputs;
  for (const std::uint64_t sequence : arrivals(random, count, 6)) inputs.push_back(sequence);
  std::vector<std::uint64_t> gradients;
  if (is_known) tasks.end_after(count);
  std::uint64_t applied = 0;
  while (applied < count) {
    if (!inputs.empty() && random.chance(0.5)) {
      const std::uint64_t sequence = inputs.front();
      const std::uint64_t first = sequence / group_size * group_size;
      const Group group{Sequence{first}, static_cast<std::uint32_t>(
                                             std::min<std::uint64_t>(group_size, count - first))};
      inputs.pop_front();
      if (tasks.admit(group, Sequence{sequence})) {
        tasks.push_forward(static_cast<Slot>(sequence), entry(sequence));
      } else {
        inputs.push_back(sequence);  // the head would not have sent it yet
      }
    }
    if (!gradients.empty() && random.chance(0.4)) {
      const std::size_t i = random.below(gradients.size());
      tasks.push_backward(static_cast<Slot>(gradients[i]), entry(gradients[i]));
      gradients.erase(gradients.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (inputs.empty() && !is_known) {
      is_known = true;
      tasks.end_after(count);
    }
    const TaskQueue::Pick pick = tasks.take();
    if (pick.kind == Kind::kNothing) continue;
    taken.push_back({pick.kind, pick.slot});
    if (pick.kind == Kind::kForward) {
      tasks.on_forwarded();
      gradients.push_back(pick.slot);
    } else {
      tasks.on_applied();
      ++applied;
    }
  }
  return taken;
}

}  // namespace

TEST_CASE("lock-step is one sequence, whatever arrives first") {
  for_seeds(100, [](std::uint64_t seed) {
    Random random(seed);
    Options options;
    options.lock_step = true;
    options.stages = static_cast<std::uint32_t>(1 + random.below(6));
    options.stage = StageIndex{static_cast<std::uint32_t>(random.below(options.stages))};
    const std::uint64_t delay = options.stages - 1 - options.stage.value();
    const std::uint64_t count = delay + 1 + random.below(40);
    TaskQueue tasks(options);
    const auto taken = play(tasks, random, count, random.chance(0.5), 1);
    std::vector<Taken> expected;
    for (std::uint64_t m = 0; m < delay; ++m) expected.push_back({Kind::kForward, m});
    for (std::uint64_t m = 0; m < count; ++m) {
      if (m + delay < count) expected.push_back({Kind::kForward, m + delay});
      expected.push_back({Kind::kBackward, m});
    }
    REQUIRE(taken == expected);
  });
}

TEST_CASE("gpipe takes all forwards of a group before its first backward, group after group") {
  for_seeds(100, [](std::uint64_t seed) {
    Random random(seed);
    Options options;
    options.schedule = Schedule::kGpipe;
    options.accumulate = static_cast<std::uint32_t>(1 + random.below(7));
    const std::uint64_t count = 1 + random.below(40);
    TaskQueue tasks(options);
    const auto taken = play(tasks, random, count, false, options.accumulate);
    std::size_t next = 0;
    for (std::uint64_t first = 0; first < count; first += options.accumulate) {
      const std::uint64_t size = std::min<std::uint64_t>(options.accumulate, count - first);
      for (const Kind kind : {Kind::kForward, Kind::kBackward}) {
        std::vector<std::uint64_t> sequences;
        for (std::uint64_t i = 0; i < size; ++i, ++next) {
          REQUIRE(taken[next].kind == kind);
          sequences.push_back(taken[next].sequence);
        }
        std::sort(sequences.begin(), sequences.end());
        for (std::uint64_t i = 0; i < size; ++i) REQUIRE(sequences[i] == first + i);
      }
    }
    REQUIRE(next == taken.size());
  });
}

TEST_CASE("asynchronously both kinds take turns where both wait, and each lane is a queue") {
  for_seeds(100, [](std::uint64_t seed) {
    Random random(seed);
    TaskQueue tasks(Options{});
    std::deque<Slot> forwards;
    std::deque<Slot> backwards;
    Kind last = Kind::kForward;
    for (Slot next = 0; next < 2000; ++next) {
      const std::uint64_t choice = random.below(5);
      if (choice == 0) {
        tasks.push_forward(next, entry(next));
        forwards.push_back(next);
      } else if (choice == 1) {
        tasks.push_backward(next, entry(next));
        backwards.push_back(next);
      } else if (choice == 2 && !forwards.empty() && random.chance(0.3)) {
        const std::size_t i = random.below(forwards.size());
        tasks.remove_forward(forwards[i]);
        forwards.erase(forwards.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        const TaskQueue::Pick pick = tasks.take();
        const bool is_forwards_turn = last == Kind::kBackward && !forwards.empty();
        auto& lane = backwards.empty() || is_forwards_turn ? forwards : backwards;
        REQUIRE((pick.kind == Kind::kNothing) == lane.empty());
        if (lane.empty()) continue;
        last = &lane == &forwards ? Kind::kForward : Kind::kBackward;
        REQUIRE(pick.kind == last);
        REQUIRE(pick.slot == lane.front());
        lane.pop_front();
      }
    }
  });
}

}  // namespace brigade::swarm::test
