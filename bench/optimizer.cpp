// bench-optimizer: bytes a second that one fused optimiser pass moves, every array read and written
// counted, against a plain copy of the same buffers and against the same step with libtorch's
// foreach operations. One thread; the candidates alternate; the median of the rounds counts.
//
//   bench-optimizer [MILLIONS_OF_PARAMETERS] [ROUNDS]     default 112 (four times a cache of 105
//   MiB)
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "bench/processor.hpp"
#include "stage_runtime/optim/adam.hpp"
#include "stage_runtime/optim/muon.hpp"

namespace {

using namespace brigade;
using namespace brigade::stage;

constexpr std::int64_t kTensors = 64;  // a model's parameters, for foreach

struct Buffers {
  explicit Buffers(std::int64_t size)
      : weights(at::empty({size}, at::kFloat).fill_(0.02)),
        gradients(at::empty({size}, at::kFloat).fill_(1e-3)),
        first(at::empty({size}, at::kFloat).fill_(1e-4)),
        second(at::empty({size}, at::kFloat).fill_(1e-6)) {}

  std::vector<at::Tensor> split(const at::Tensor& flat) const { return flat.chunk(kTensors); }
  std::size_t count() const { return static_cast<std::size_t>(weights.numel()); }
  static float* data(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

  at::Tensor weights, gradients, first, second;
};

/// torch.optim.AdamW with foreach=True, as its implementation orders the operations.
void foreach_adamw(Buffers& buffers, const AdamStep& step) {
  const auto weights = buffers.split(buffers.weights);
  const auto gradients = buffers.split(buffers.gradients);
  const auto first = buffers.split(buffers.first);
  const auto second = buffers.split(buffers.second);
  at::_foreach_mul_(weights, step.decay);
  at::_foreach_lerp_(first, gradients, step.one_minus_beta1);
  at::_foreach_mul_(second, step.beta2);
  at::_foreach_addcmul_(second, gradients, gradients, step.one_minus_beta2);
  auto denominator = at::_foreach_sqrt(second);
  at::_foreach_mul_(denominator, step.inverse_sqrt_bias2);
  at::_foreach_add_(denominator, step.epsilon);
  at::_foreach_addcdiv_(weights, first, denominator, -step.momentum_step);
  at::_foreach_mul_(gradients, 0.0);
}

struct Candidate {
  std::string name;
  double arrays;  // read or written, each counted once
  std::function<void()> run;
  std::vector<double> seconds = {};

  double median() const {
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

void measure(std::vector<Candidate>& candidates, int rounds) {
  for (int round = -1; round < rounds; ++round) {  // the first touches the pages
    for (Candidate& candidate : candidates) {
      const auto start = std::chrono::steady_clock::now();
      candidate.run();
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      if (round >= 0) candidate.seconds.push_back(took.count());
    }
  }
}

void print(const std::vector<Candidate>& candidates, std::size_t count) {
  const auto bandwidth = [count](const Candidate& candidate) {
    return candidate.arrays * static_cast<double>(count) * sizeof(float) / candidate.median() / 1e9;
  };
  const double copy = bandwidth(candidates.front());
  fmt::print("{:34}{:>10}{:>10}{:>16}\n", "", "ms", "GB/s", "of a plain copy");
  for (const Candidate& candidate : candidates) {
    fmt::print("{:34}{:10.1f}{:10.2f}{:16.2f}\n", candidate.name, 1e3 * candidate.median(),
               bandwidth(candidate), bandwidth(candidate) / copy);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long millions = argc > 1 ? std::atol(argv[1]) : 112;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 7;
  if (millions < 1 || millions > 4000 || rounds < 1) {
    fmt::print(stderr, "usage: bench-optimizer [MILLIONS_OF_PARAMETERS] [ROUNDS]\n");
    return 2;
  }
  utsname system{};
  ::uname(&system);
  fmt::print("machine: {}, {} {}\n", brigade::bench::processor(), system.sysname, system.release);
  fmt::print("command: bench-optimizer {} {}\n", millions, rounds);
  at::set_num_threads(1);
  const c10::InferenceMode no_autograd;
  Buffers buffers(millions * 1'000'000);
  const std::size_t count = buffers.count();
  float* const p = Buffers::data(buffers.weights);
  float* const g = Buffers::data(buffers.gradients);
  float* const m = Buffers::data(buffers.first);
  float* const v = Buffers::data(buffers.second);
  OptimizerCounters adamw, nadam, muon;
  const StepSettings settings{.learning_rate = 1e-4, .weight_decay = 0.01, .momentum_decay = 0.004};
  std::vector<Candidate> candidates{
      {"plain copy (memcpy)", 2, [&] { std::memcpy(g, p, count * sizeof(float)); }},
      {"AdamW, fused", 8, [&] { adam_pass(p, g, m, v, count, adamw_scalars(settings, adamw)); }},
      {"NAdam, fused", 8, [&] { adam_pass(p, g, m, v, count, nadam_scalars(settings, nadam)); }},
      {"Nesterov's Adam of Muon, fused", 8,
       [&] { nesterov_adam_pass(p, g, m, v, count, nesterov_adam_scalars(settings, muon)); }},
      {"AdamW, foreach of libtorch", 8,
       [&] { foreach_adamw(buffers, adamw_scalars(settings, adamw)); }},
  };
  measure(candidates, rounds);
  print(candidates, count);
  fmt::print("AdamW: the fused pass takes {:.2f} of foreach's time\n",
             candidates[1].median() / candidates.back().median());
  return 0;
}
