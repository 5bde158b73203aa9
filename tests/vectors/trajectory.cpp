#include <fmt/format.h>

#include <cmath>

#include "stage_runtime/safetensors.hpp"
#include "stage_runtime/snapshot.hpp"
#include "tests/vectors/checks.hpp"
#include "tests/vectors/pipeline.hpp"

namespace brigade::vectors {
namespace {

constexpr double kLossTolerance = 1e-4;
constexpr double kWeightTolerance = 1e-4;

/// A difference that is not a number is the largest.
double worse(double worst, double difference) {
  if (std::isnan(difference)) return INFINITY;
  return std::max(worst, std::abs(difference));
}

/// Softmax does not see the key third of c_attn's bias: its true gradient is zero and it drifts by
/// rounding, so it is left out.
bool is_key_bias(const stage::Parameter& parameter, std::size_t index) {
  if (!parameter.name.ends_with("attn.c_attn.bias")) return false;
  const std::size_t width = parameter.size / 3;
  return index >= width && index < 2 * width;
}

Result<double> weight_error(const stage::Snapshot& snapshot, const stage::SafetensorsFile& golden) {
  double worst = 0;
  for (const stage::Parameter& parameter : snapshot.layout.parameters()) {
    const stage::TensorEntry* entry = golden.header().find(parameter.name);
    if (entry == nullptr || entry->elements() != parameter.size) {
      return make_error(ErrorCode::kBadInput,
                        fmt::format("{}: lacks \"{}\" with {} elements", golden.path().string(),
                                    parameter.name, parameter.size));
    }
    std::vector<float> expected(parameter.size);
    BRIGADE_TRY(golden.read(*entry, expected));
    const auto actual = snapshot.weights.span().subspan(parameter.offset, parameter.size);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (is_key_bias(parameter, i)) continue;
      worst = worse(worst, static_cast<double>(actual[i]) - static_cast<double>(expected[i]));
    }
  }
  return worst;
}

}  // namespace

Result<Outcome> check_trajectory(const VectorFolder& folder, const VectorCase& vector_case) {
  BRIGADE_ASSIGN(Line line, Line::make({.model = folder.model,
                                        .method = vector_case.method,
                                        .blocks = vector_case.blocks,
                                        .batch = folder.tokens.batch,
                                        .tokens = folder.tokens.length,
                                        .recompute = vector_case.recompute,
                                        .is_synchronous = vector_case.order == Order::kSynchronous,
                                        .seed = 1}));
  const std::vector<std::filesystem::path> initial{folder.path / "model" / "model.safetensors"};
  BRIGADE_TRY(line.restore(initial));
  BRIGADE_ASSIGN(const std::vector<double> losses,
                 line.train(vector_case.microbatches, [&](std::uint32_t microbatch) {
                   return folder.tokens.microbatch(microbatch);
                 }));
  Outcome outcome;
  for (std::size_t m = 0; m < losses.size(); ++m) {
    outcome.loss_error = worse(outcome.loss_error, losses[m] - vector_case.losses[m]);
  }
  if (vector_case.has_final_loss) {
    BRIGADE_ASSIGN(const double loss, line.evaluate(folder.tokens.microbatch(0)));
    outcome.loss_error = worse(outcome.loss_error, loss - vector_case.final_loss);
  }
  const auto path = folder.path / (vector_case.name + ".final.safetensors");
  BRIGADE_ASSIGN(const auto golden, stage::SafetensorsFile::open(path));
  for (std::size_t i = 0; i < line.size(); ++i) {
    BRIGADE_ASSIGN(const double error, weight_error(*line.stage(i).snapshot(), golden));
    outcome.weight_error = worse(outcome.weight_error, error);
  }
  outcome.is_ok = outcome.loss_error <= kLossTolerance && outcome.weight_error <= kWeightTolerance;
  return outcome;
}

}  // namespace brigade::vectors
