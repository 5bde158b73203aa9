// Where a stage's time goes: forward, backward and update of one block in the middle of a line of
// eight, one thread, for methods that differ in the update. What `nesterov-muon` spends more than
// `nesterov` is its Newton-Schulz steps, the two passes of the look-ahead and the second pass over
// the matrices.
//
//   bench-stage [WIDTH] [TOKENS] [ROUNDS]     128 1024 5; sequences of 128 tokens
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "bench/processor.hpp"
#include "stage_runtime/stage.hpp"

namespace {

using namespace brigade;
using namespace brigade::stage;

constexpr std::uint32_t kSequence = 128;
constexpr std::uint32_t kStages = 8;
constexpr int kMicrobatches = 24;  // a round
constexpr std::size_t kParts = 3;
constexpr std::array<const char*, kParts> kPartNames = {"forward", "backward", "update"};

template <class T>
T must(Result<T> result) {
  if (result.has_error()) {
    fmt::print(stderr, "bench-stage: {}\n", result.error().message);
    std::exit(1);
  }
  return std::move(result).value();
}

struct Candidate {
  std::string name;
  std::unique_ptr<Stage> stage;
  std::array<std::vector<double>, kParts> seconds;  // a micro-batch, of each round

  double median(std::size_t part) const {
    std::vector<double> sorted = seconds[part];
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
  double total() const { return median(0) + median(1) + median(2); }
};

struct Workload {
  std::uint32_t width, batch;

  StageOptions options(const MethodSettings& method) const {
    StageOptions options;
    options.model.width = width;
    options.model.heads = std::max(width / 32, 1U);
    options.model.blocks = kStages;
    options.model.context = kSequence;
    options.slice = {.stage = 3, .stages = kStages, .first_block = 3, .blocks = 1};
    options.method = method;
    options.batch = batch;
    options.tokens = kSequence;
    options.device = "cpu";
    return options;
  }

  std::vector<float> rows(std::uint64_t seed) const {
    Random random(seed);
    std::vector<float> values(std::size_t{batch} * kSequence * width);
    for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
    return values;
  }
};

void run_round(Candidate& candidate, const Workload& workload, std::uint64_t& sequence) {
  const std::vector<float> input = workload.rows(1);
  const std::vector<float> gradient = workload.rows(2);
  const std::vector<std::int32_t> tokens(std::size_t{workload.batch} * (kSequence + 1), 65);
  std::array<double, kParts> seconds{};
  auto last = std::chrono::steady_clock::now();
  const auto lap = [&](std::size_t part) {
    const auto now = std::chrono::steady_clock::now();
    seconds[part] += std::chrono::duration<double>(now - last).count();
    last = now;
  };
  for (int i = 0; i < kMicrobatches; ++i, ++sequence) {
    const MicrobatchId id{Epoch(1), HeadIndex(0), Sequence(sequence)};
    must(candidate.stage->forward(id, std::as_bytes(std::span(input)), tokens, true));
    lap(0);
    must(candidate.stage->backward(id, std::as_bytes(std::span(input)), tokens,
                                   std::as_bytes(std::span(gradient))));
    lap(1);
    must(candidate.stage->update(
        {.update = sequence, .microbatches = 1, .delay_microbatches = 4, .staleness_updates = 4}));
    lap(2);
  }
  for (std::size_t part = 0; part < kParts; ++part)
    candidate.seconds[part].push_back(seconds[part] / kMicrobatches);
}

}  // namespace

int main(int argc, char** argv) {
  const long width = argc > 1 ? std::atol(argv[1]) : 128;
  const long tokens = argc > 2 ? std::atol(argv[2]) : 1024;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  if (width < 32 || width % 32 != 0 || tokens < kSequence || tokens % kSequence != 0 ||
      rounds < 1) {
    fmt::print(stderr, "usage: bench-stage [WIDTH: times 32] [TOKENS: times 128] [ROUNDS]\n");
    return 2;
  }
  utsname system{};
  ::uname(&system);
  fmt::print("machine: {}, {} {}\n", bench::processor(), system.sysname, system.release);
  fmt::print("command: bench-stage {} {} {}\n", width, tokens, rounds);
  const Workload workload{static_cast<std::uint32_t>(width),
                          static_cast<std::uint32_t>(tokens / kSequence)};
  std::vector<Candidate> candidates;
  const auto add = [&](std::string name, const MethodSettings& method) {
    candidates.push_back({std::move(name), must(Stage::make(workload.options(method))), {}});
  };
  add("nesterov", {});
  for (const std::uint32_t refresh : {1U, 2U}) {
    for (const double look_ahead : {0.0, 1.0}) {
      MethodSettings method;
      method.name = "nesterov-muon";
      method.muon_refresh = refresh;
      method.look_ahead = look_ahead;
      add(fmt::format("nesterov-muon, refresh {}, s = {}", refresh, look_ahead), method);
    }
  }
  std::uint64_t sequence = 0;
  for (int round = 0; round < rounds; ++round)
    for (Candidate& candidate : candidates) run_round(candidate, workload, sequence);

  fmt::print("{:34}", "ms a micro-batch, median");
  for (const char* const part : kPartNames) fmt::print("{:>10}", part);
  fmt::print("{:>10}{:>26}\n", "total", "above nesterov, of total");
  const double plain = candidates.front().total();
  for (const Candidate& candidate : candidates) {
    fmt::print("{:34}", candidate.name);
    for (std::size_t part = 0; part < kParts; ++part)
      fmt::print("{:10.2f}", 1e3 * candidate.median(part));
    fmt::print("{:10.2f}{:24.1f} %\n", 1e3 * candidate.total(),
               100 * (candidate.total() - plain) / candidate.total());
  }
  return 0;
}
