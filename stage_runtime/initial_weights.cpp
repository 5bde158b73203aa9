#include "stage_runtime/initial_weights.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.hpp"
#include "base/random.hpp"

namespace brigade::stage {
namespace {

std::uint64_t name_hash(std::string_view name) {
  std::uint64_t hash = 0;
  for (const char letter : name) hash = mix64(hash ^ static_cast<unsigned char>(letter));
  return hash;
}

/// Box–Muller on a counter: elements 2k and 2k+1 are the two normals of the k-th pair of uniforms.
void fill_normal(std::uint64_t stream, double deviation, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); i += 2) {
    Random random(mix_seed(stream, i / 2));
    const double radius = deviation * std::sqrt(-2.0 * std::log(1.0 - random.uniform()));
    const double angle = 2.0 * std::numbers::pi * random.uniform();
    out[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < out.size()) out[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace

void fill_initial_weights(const ModelShape& model, const Layout& layout, std::uint64_t seed,
                          std::span<float> weights) {
  BRIGADE_CHECK(weights.size() == layout.buffer_size());
  std::ranges::fill(weights, 0.0F);
  for (const Parameter& parameter : layout.parameters()) {
    const std::span<float> out = weights.subspan(parameter.offset, parameter.size);
    switch (parameter.kind) {
      case ParameterKind::kGain:
        std::ranges::fill(out, 1.0F);
        break;
      case ParameterKind::kBias:
        break;
      case ParameterKind::kEmbedding:
      case ParameterKind::kMatrix: {
        const bool copies_embedding = model.tied_head && parameter.name == kHead;
        const auto source = copies_embedding ? kTokenEmbedding : std::string_view(parameter.name);
        fill_normal(mix_seed(seed, name_hash(source)), model.init_std, out);
        break;
      }
    }
  }
}

}  // namespace brigade::stage
