// bench-codec: speed of each codec on one core, and its error, on numbers as activations are.
//
// The tensor is larger than the second-level cache and smaller than the third, as one that a stage
// has just computed. Rounds alternate the codecs; a row is the median of the rounds.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "bench/processor.hpp"
#include "stage_runtime/codec.hpp"

namespace {

using namespace brigade;
using stage::Codec;

constexpr std::size_t kRows = 4096;  // micro-batch of 4,096 tokens …
constexpr std::size_t kWidth = 512;  // … at d = 512: 8 MiB of fp32
constexpr int kRounds = 15;
constexpr int kRepeats = 4;  // in a row within a round

struct Candidate {
  Codec codec;
  bool is_stochastic = false;
  std::vector<double> encode_gbs{}, decode_gbs{}, both_gbs{};
};

/// Normal by Box and Muller; every 61st element ten times as large, as the outliers of real models.
std::vector<float> make_values() {
  Random random(7);
  std::vector<float> values(kRows * kWidth);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    const double normal = radius * std::cos(6.283185307179586 * random.uniform());
    values[i] = static_cast<float>(i % 61 == 0 ? 10 * normal : normal);
  }
  return values;
}

/// Of this thread on its core: others that want the core too do not count.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double seconds(const Work& work) {
  const double begin = cpu_seconds();
  for (int i = 0; i < kRepeats; ++i) work();
  return (cpu_seconds() - begin) / kRepeats;
}

void must(const Result<>& result) {
  if (!result.has_error()) return;
  fmt::print(stderr, "bench-codec: {}\n", result.error().message);
  std::exit(1);
}

stage::Rounding rounding_of(const Candidate& candidate) {
  return candidate.is_stochastic ? stage::Rounding::stochastic(42) : stage::Rounding::to_nearest();
}

void measure(Candidate& candidate, const std::vector<float>& values, std::vector<std::byte>& wire,
             std::vector<float>& back) {
  wire.resize(stage::encoded_bytes(candidate.codec, values.size()));
  const double encode = seconds([&] {
    must(stage::encode(candidate.codec, values, rounding_of(candidate), wire, "the tensor"));
  });
  const double decode =
      seconds([&] { must(stage::decode(candidate.codec, wire, back, "tensor")); });
  const double gigabytes = static_cast<double>(values.size() * sizeof(float)) * 1e-9;
  candidate.encode_gbs.push_back(gigabytes / encode);
  candidate.decode_gbs.push_back(gigabytes / decode);
  candidate.both_gbs.push_back(gigabytes / (encode + decode));
}

double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

void print_row(const Candidate& candidate, const std::vector<float>& values) {
  std::vector<std::byte> wire(stage::encoded_bytes(candidate.codec, values.size()));
  std::vector<float> back(values.size());
  must(stage::encode(candidate.codec, values, rounding_of(candidate), wire, "the tensor"));
  must(stage::decode(candidate.codec, wire, back, "tensor"));
  double squares = 0, total = 0, sum = 0, largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double error = double{back[i]} - double{values[i]};
    squares += error * error;
    total += double{values[i]} * double{values[i]};
    sum += error;
    largest = std::max(largest, std::abs(error));
  }
  const auto name = fmt::format("{}{}", stage::codec_name(candidate.codec),
                                candidate.is_stochastic ? ", stochastic" : "");
  fmt::print("{:<17} {:>7.4f} {:>9.2f} {:>9.2f} {:>9.2f} {:>12.2e} {:>12.2e} {:>12.2e}\n", name,
             static_cast<double>(wire.size()) / static_cast<double>(values.size()),
             median(candidate.encode_gbs), median(candidate.decode_gbs), median(candidate.both_gbs),
             std::sqrt(squares / total), largest, sum / static_cast<double>(values.size()));
}

}  // namespace

int main() {
  const std::vector<float> values = make_values();
  std::vector<Candidate> candidates{{.codec = Codec::kFp32},
                                    {.codec = Codec::kBf16},
                                    {.codec = Codec::kInt8},
                                    {.codec = Codec::kInt8, .is_stochastic = true}};
  std::vector<std::byte> wire;
  std::vector<float> back(values.size());
  for (Candidate& candidate : candidates) {
    measure(candidate, values, wire, back);  // warms caches and pages up
    candidate.encode_gbs.clear();
    candidate.decode_gbs.clear();
    candidate.both_gbs.clear();
  }
  for (int round = 0; round < kRounds; ++round)
    for (Candidate& candidate : candidates) measure(candidate, values, wire, back);

  fmt::print("machine: {}\ncommand: bench-codec\n", brigade::bench::processor());
  fmt::print("one thread, ({}, {}) fp32, {} rounds, GB of fp32 input a CPU second\n", kRows, kWidth,
             kRounds);
  fmt::print("{:<17} {:>7} {:>9} {:>9} {:>9} {:>12} {:>12} {:>12}\n", "codec", "bytes", "encode",
             "decode", "both", "rms error", "max error", "mean error");
  for (const Candidate& candidate : candidates) print_row(candidate, values);
  return 0;
}
