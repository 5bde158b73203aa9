#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stage_runtime/optim/optimizer.hpp"
#include "tests/vectors/checks.hpp"
#include "tests/vectors/tensors.hpp"

namespace brigade::vectors {
namespace {

// Of the vectors' README.
constexpr double kWeightTolerance = 1e-5;
constexpr double kDirectionTolerance = 2e-5;
constexpr int kSteps = 20;
constexpr int kWarmup = 4;
constexpr double kTau = 5;
constexpr double kStages = 8;

double learning_rate(int step) {
  if (step < kWarmup) return 1e-2 * (step + 1) / kWarmup;
  const double done = static_cast<double>(step - kWarmup) / (kSteps - kWarmup);
  return 1e-2 * (0.1 + 0.45 * (1 + std::cos(std::numbers::pi * done)));
}

stage::StepSettings settings_of(int step) {
  return {.learning_rate = learning_rate(step) / std::sqrt(kTau),
          .beta1 = 0.9 + kTau * 0.09 / kStages,
          .weight_decay = 0.01,
          .look_ahead = kTau};
}

double difference(const at::Tensor& actual, std::span<const float> expected) {
  double worst = 0;
  const float* values = actual.const_data_ptr<float>();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error =
        std::abs(static_cast<double>(values[i]) - static_cast<double>(expected[i]));
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  return worst;
}

struct Golden {
  std::vector<float> start, gradients, params, momentum, direction, forward_point;
};

Result<Golden> read_golden(const stage::SafetensorsFile& file, const std::string& matrix) {
  Golden golden;
  BRIGADE_ASSIGN(golden.start, read_floats(file, matrix + ".p0"));
  BRIGADE_ASSIGN(golden.gradients, read_floats(file, matrix + ".grads"));
  BRIGADE_ASSIGN(golden.params, read_floats(file, matrix + ".params"));
  BRIGADE_ASSIGN(golden.momentum, read_floats(file, matrix + ".momentum"));
  BRIGADE_ASSIGN(golden.direction, read_floats(file, matrix + ".update"));
  BRIGADE_ASSIGN(golden.forward_point, read_floats(file, matrix + ".forward_point"));
  const std::size_t all = golden.start.size() * kSteps;
  for (const auto* values : {&golden.gradients, &golden.params, &golden.momentum, &golden.direction,
                             &golden.forward_point}) {
    if (values->size() == all) continue;
    return make_error(ErrorCode::kBadInput, fmt::format("{}: tensors of \"{}\" have no {} steps",
                                                        file.path().string(), matrix, kSteps));
  }
  return golden;
}

Result<> run_matrix(const stage::SafetensorsFile& file, const std::string& matrix,
                    Outcome& outcome) {
  BRIGADE_ASSIGN(const Golden golden, read_golden(file, matrix));
  const auto& shape = file.header().find(matrix + ".p0")->shape;
  const auto layout = stage::Layout::of_matrix(matrix, static_cast<std::int64_t>(shape[0]),
                                               static_cast<std::int64_t>(shape[1]));
  const auto device = stage::make_cpu_device();
  stage::Arena arena = stage::Arena::make(layout, *device);
  const auto optimizer =
      stage::Optimizer::make({}, stage::OptimizerKind::kMuon, layout, arena, *device);
  stage::OptimizerCounters counters;
  const std::size_t size = golden.start.size();
  stage::upload(golden.start, arena.weights);
  for (int step = 0; step < kSteps; ++step) {
    const auto of_step = [&](const std::vector<float>& values) {
      return std::span(values).subspan(static_cast<std::size_t>(step) * size, size);
    };
    stage::upload(of_step(golden.gradients), arena.gradients);
    BRIGADE_TRY(optimizer->step(settings_of(step), counters));
    const double weights = difference(arena.weights, of_step(golden.params));
    const double momentum = difference(arena.moments[0], of_step(golden.momentum));
    const double direction = difference(arena.moments[1], of_step(golden.direction));
    BRIGADE_TRY(optimizer->look_ahead(counters));
    const double ahead = difference(arena.weights, of_step(golden.forward_point));
    BRIGADE_TRY(optimizer->look_back(counters));
    outcome.weight_error = std::max({outcome.weight_error, weights, momentum});
    outcome.is_ok = outcome.is_ok && weights <= kWeightTolerance && momentum <= kWeightTolerance &&
                    direction <= kDirectionTolerance && ahead <= kDirectionTolerance;
  }
  return {};
}

}  // namespace

Result<Outcome> check_muon(const std::filesystem::path& path) {
  const c10::InferenceMode no_autograd;
  BRIGADE_ASSIGN(const auto file, stage::SafetensorsFile::open(path));
  Outcome outcome{.is_ok = true};
  for (const char* matrix : {"wide", "tall", "square"}) {
    BRIGADE_TRY(run_matrix(file, matrix, outcome));
  }
  return outcome;
}

}  // namespace brigade::vectors
