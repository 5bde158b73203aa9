#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "stage_runtime/optim/adam.hpp"
#include "stage_runtime/safetensors.hpp"
#include "tests/vectors/checks.hpp"
#include "tests/vectors/tensors.hpp"

namespace brigade::vectors {
namespace {

constexpr double kWeightTolerance = 1e-5;

Result<std::vector<double>> read_doubles(const stage::SafetensorsFile& file,
                                         std::string_view name) {
  const stage::TensorEntry* entry = file.header().find(name);
  if (entry == nullptr || entry->type != stage::DataType::kF64) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: lacks \"{}\" in F64", file.path().string(), name));
  }
  std::vector<double> values(entry->elements());
  std::memcpy(values.data(), file.data(*entry).data(), file.data(*entry).size());
  return values;
}

struct Buffers {
  std::vector<float> p, m, v;
};

/// One step on a copy of `gradient`; the settings are the vectors' README's.
void step(Buffers& buffers, std::span<const float> gradient, bool is_nadam, double learning_rate,
          stage::OptimizerCounters& counters) {
  const stage::StepSettings settings{.learning_rate = learning_rate,
                                     .beta1 = is_nadam ? 0.99 : 0.9,
                                     .beta2 = 0.999,
                                     .epsilon = 1e-8,
                                     .weight_decay = 0.01,
                                     .momentum_decay = 0.004,
                                     .gradient_scale = 1};
  std::vector<float> g(gradient.begin(), gradient.end());
  const stage::AdamStep scalars = is_nadam ? stage::nadam_scalars(settings, counters)
                                           : stage::adamw_scalars(settings, counters);
  stage::adam_pass(buffers.p.data(), g.data(), buffers.m.data(), buffers.v.data(), g.size(),
                   scalars);
}

}  // namespace

Result<Outcome> check_optimizer(const std::filesystem::path& path) {
  const std::string name = path.stem().string();
  if (name.find("muon") != std::string::npos) return check_muon(path);
  const bool is_nadam = name.find("nadam") != std::string::npos;
  if (!is_nadam && name.find("adamw") == std::string::npos) {
    return make_error(ErrorCode::kUnsupported,
                      fmt::format("{}: its optimiser is not implemented", name));
  }
  BRIGADE_ASSIGN(const auto file, stage::SafetensorsFile::open(path));
  BRIGADE_ASSIGN(const std::vector<float> start, read_floats(file, "p0"));
  BRIGADE_ASSIGN(const std::vector<float> gradients, read_floats(file, "grads"));
  BRIGADE_ASSIGN(const std::vector<float> expected, read_floats(file, "params"));
  BRIGADE_ASSIGN(const std::vector<double> rates, read_doubles(file, "lr"));
  const std::size_t size = start.size();
  if (gradients.size() != rates.size() * size || expected.size() != gradients.size()) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: sizes of p0, grads, params and lr differ", path.string()));
  }
  Buffers buffers{start, std::vector<float>(size), std::vector<float>(size)};
  stage::OptimizerCounters counters;
  Outcome outcome;
  for (std::size_t t = 0; t < rates.size(); ++t) {
    step(buffers, std::span(gradients).subspan(t * size, size), is_nadam, rates[t], counters);
    for (std::size_t i = 0; i < size; ++i) {
      const double error =
          std::abs(static_cast<double>(buffers.p[i]) - static_cast<double>(expected[t * size + i]));
      outcome.weight_error = std::isnan(error) ? INFINITY : std::max(outcome.weight_error, error);
    }
  }
  outcome.is_ok = outcome.weight_error <= kWeightTolerance;
  return outcome;
}

}  // namespace brigade::vectors
