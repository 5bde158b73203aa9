#include "stage_runtime/optim/muon_optimizer.hpp"

#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "stage_runtime/optim/newton_schulz.hpp"

namespace brigade::stage {
namespace {

/// A step of orthogonal U moves each element by about 0.2, as Adam's does: rates carry over.
constexpr double kUpdateScale = 0.2;

}  // namespace

MuonOptimizer::MuonOptimizer(const MethodSettings& settings, const Layout& layout, Arena& arena,
                             Device& device)
    : settings_(settings), arena_(arena), device_(device) {
  for (const Parameter& parameter : layout.parameters()) {
    const bool is_matrix = parameter.kind == ParameterKind::kMatrix;
    const auto offset = static_cast<std::int64_t>(parameter.offset);
    const auto size = static_cast<std::int64_t>(parameter.size);
    // The gaps between parameters hold zeros and stay so: neighbours become one range.
    if (!is_matrix && !ranges_.empty() && !ranges_.back().is_matrix) {
      ranges_.back().size = offset + size - ranges_.back().offset;
    } else {
      ranges_.push_back({offset, size, is_matrix});
    }
    if (is_matrix) add_matrices(parameter);
  }
}

void MuonOptimizer::add_matrices(const Parameter& parameter) {
  const std::int64_t rows = parameter.shape[0];
  const std::int64_t columns = parameter.shape[1] / parameter.parts;
  const at::Tensor whole = arena_.moments[1]
                               .narrow(0, static_cast<std::int64_t>(parameter.offset),
                                       static_cast<std::int64_t>(parameter.size))
                               .view({rows, parameter.parts, columns});
  for (std::int64_t index = 0; index < parameter.parts; ++index) {
    at::Tensor matrix = whole.select(1, index);
    if (rows > columns) matrix = matrix.transpose(0, 1);
    const auto group = std::ranges::find_if(groups_, [&](const Matrices& matrices) {
      return matrices.front().sizes() == matrix.sizes();
    });
    if (group == groups_.end()) {
      groups_.push_back({std::move(matrix)});
    } else {
      group->push_back(std::move(matrix));
    }
  }
}

at::Tensor MuonOptimizer::part(const at::Tensor& buffer, const Range& range) const {
  return buffer.defined() ? buffer.narrow(0, range.offset, range.size) : buffer;
}

/// In place: what lies in the directions' buffer becomes orthogonal.
void MuonOptimizer::orthogonalise() {
  for (const Matrices& matrices : groups_) {
    // Tensor cores and half the memory traffic where the device computes in bf16 anyway.
    const at::Tensor batch = at::stack(matrices).to(device_.compute_type());
    const at::Tensor directions = newton_schulz(batch);
    const double scale = kUpdateScale * std::sqrt(static_cast<double>(batch.size(2)));
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      matrices[i].copy_(directions.select(0, static_cast<std::int64_t>(i)));
      matrices[i].mul_(scale);
    }
  }
}

Result<> MuonOptimizer::step(const StepSettings& settings, OptimizerCounters& counters) {
  const std::uint64_t refresh = std::max<std::uint32_t>(settings_.muon_refresh, 1);
  const bool is_fresh = counters.steps % refresh == 0;
  const NesterovAdamStep step = nesterov_adam_scalars(settings, counters);
  for (const Range& range : ranges_) {
    const at::Tensor gradients = part(arena_.gradients, range);
    const at::Tensor first = part(arena_.moments[0], range);
    const at::Tensor second = part(arena_.moments[1], range);
    if (range.is_matrix) {
      BRIGADE_TRY(
          device_.momentum(first, gradients, is_fresh ? second : at::Tensor(), step.momentum));
    } else {
      BRIGADE_TRY(
          device_.nesterov_adam(part(arena_.weights, range), gradients, first, second, step));
    }
  }
  if (is_fresh) orthogonalise();
  const auto distance = static_cast<float>(settings.learning_rate);
  for (const Range& range : ranges_) {
    if (!range.is_matrix) continue;
    BRIGADE_TRY(device_.direction(part(arena_.weights, range), part(arena_.moments[1], range),
                                  step.decay, distance));
  }
  return device_.refresh_shadow(arena_.weights, arena_.shadow);
}

Result<> MuonOptimizer::shift(const OptimizerCounters& counters, double sign) {
  if (counters.steps == 0 || counters.ahead == 0) return {};
  const MomentShift rest = moment_shift_scalars(counters, settings_.beta2, settings_.epsilon, sign);
  const auto distance = static_cast<float>(sign * counters.ahead);
  for (const Range& range : ranges_) {
    const at::Tensor weights = part(arena_.weights, range);
    const at::Tensor second = part(arena_.moments[1], range);
    BRIGADE_TRY(range.is_matrix
                    ? device_.direction(weights, second, 1.0F, distance)
                    : device_.moment_shift(weights, part(arena_.moments[0], range), second, rest));
  }
  return device_.refresh_shadow(arena_.weights, arena_.shadow);
}

at::Tensor MuonOptimizer::momentum_direction(const OptimizerCounters& counters,
                                             std::int64_t stride) const {
  const std::int64_t size = arena_.weights.numel();
  at::Tensor direction = at::zeros({(size + stride - 1) / stride}, arena_.weights.options());
  for (const Range& range : ranges_) {
    const std::int64_t from = (range.offset + stride - 1) / stride;
    const std::int64_t count = (range.offset + range.size + stride - 1) / stride - from;
    if (count == 0) continue;
    const auto every = [&](const at::Tensor& buffer) {
      return buffer.slice(0, from * stride, range.offset + range.size, stride);
    };
    const at::Tensor second = every(arena_.moments[1]);
    // Both are of one scale: a step goes η times either.
    at::Tensor part = direction.narrow(0, from, count);
    if (range.is_matrix) {
      part.copy_(second).neg_();
    } else {
      part.copy_(along_moments(every(arena_.moments[0]), second, counters, settings_))
          .div_(1.0 - counters.beta1_product);
    }
  }
  return direction;
}

}  // namespace brigade::stage
