#include "stage_runtime/layout.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace brigade::stage {
namespace {

Error bad_model(std::string_view field, double value, std::string_view wanted) {
  return make_error(
      ErrorCode::kBadInput,
      fmt::format("model: {} = {} is not possible; it must be {}", field, value, wanted));
}

Result<> check_range(std::string_view field, std::uint32_t value, std::uint32_t limit) {
  if (value == 0 || value > limit) return bad_model(field, value, fmt::format("1 to {}", limit));
  return {};
}

}  // namespace

std::string block_parameter(std::uint32_t block, std::string_view name) {
  return fmt::format("transformer.h.{}.{}", block, name);
}

bool has_own_head(const ModelShape& model, const Slice& slice) {
  return slice.is_tail() && !(model.tied_head && slice.is_head());
}

Result<> check_shape(const ModelShape& model) {
  BRIGADE_TRY(check_range("vocabulary", model.vocabulary, limits::kMaxVocabulary));
  BRIGADE_TRY(check_range("context", model.context, limits::kMaxContext));
  BRIGADE_TRY(check_range("width", model.width, limits::kMaxWidth));
  BRIGADE_TRY(check_range("blocks", model.blocks, limits::kMaxBlocks));
  BRIGADE_TRY(check_range("heads", model.heads, limits::kMaxHeads));
  if (model.width % model.heads != 0) {
    return bad_model("heads", model.heads, fmt::format("a divisor of the width {}", model.width));
  }
  if (!(model.layer_norm_epsilon > 0 && model.layer_norm_epsilon < 1)) {
    return bad_model("layer_norm_epsilon", model.layer_norm_epsilon, "between 0 and 1");
  }
  if (!(model.init_std >= 0 && model.init_std < 10)) {
    return bad_model("init_std", model.init_std, "between 0 and 10");
  }
  return {};
}

Result<> check_slice(const ModelShape& model, const Slice& slice) {
  const bool is_placed =
      slice.stages > 0 && slice.stages <= limits::kMaxStages && slice.stage < slice.stages;
  const bool is_inside =
      slice.blocks <= model.blocks && slice.first_block <= model.blocks - slice.blocks;
  const bool is_whole = slice.stages != 1 || slice.blocks == model.blocks;
  if (is_placed && is_inside && is_whole) return {};
  return make_error(ErrorCode::kBadInput,
                    fmt::format("slice: stage {} of {} with blocks {} to {} does not fit a model "
                                "of {} blocks; check stages and split",
                                slice.stage, slice.stages, slice.first_block,
                                std::uint64_t{slice.first_block} + slice.blocks, model.blocks));
}

void Layout::add(std::string name, ParameterKind kind, std::vector<std::int64_t> shape,
                 std::uint32_t parts) {
  std::size_t size = 1;
  for (const std::int64_t extent : shape) size *= static_cast<std::size_t>(extent);
  index_.emplace(name, parameters_.size());
  parameters_.push_back({std::move(name), kind, std::move(shape), parts, buffer_size_, size});
  parameter_count_ += size;
  buffer_size_ += (size + kAlignElements - 1) / kAlignElements * kAlignElements;
}

Layout Layout::of_matrix(std::string name, std::int64_t rows, std::int64_t columns) {
  Layout layout;
  layout.add(std::move(name), ParameterKind::kMatrix, {rows, columns});
  return layout;
}

void Layout::add_block(const ModelShape& model, std::uint32_t block) {
  const std::int64_t width = model.width;
  const auto add_norm = [&](std::string_view norm) {
    add(block_parameter(block, fmt::format("{}.weight", norm)), ParameterKind::kGain, {width});
    add(block_parameter(block, fmt::format("{}.bias", norm)), ParameterKind::kBias, {width});
  };
  const auto add_linear = [&](std::string_view name, std::int64_t in, std::int64_t out,
                              std::uint32_t parts = 1) {
    add(block_parameter(block, fmt::format("{}.weight", name)), ParameterKind::kMatrix, {in, out},
        parts);
    add(block_parameter(block, fmt::format("{}.bias", name)), ParameterKind::kBias, {out});
  };
  add_norm("ln_1");
  add_linear("attn.c_attn", width, 3 * width, 3);
  add_linear("attn.c_proj", width, width);
  add_norm("ln_2");
  add_linear("mlp.c_fc", width, 4 * width);
  add_linear("mlp.c_proj", 4 * width, width);
}

Layout Layout::make(const ModelShape& model, const Slice& slice) {
  BRIGADE_CHECK(!check_shape(model).has_error() && !check_slice(model, slice).has_error());
  Layout layout;
  const std::int64_t width = model.width;
  if (slice.is_head()) {
    layout.add(std::string(kTokenEmbedding), ParameterKind::kEmbedding, {model.vocabulary, width});
    layout.add(std::string(kPositionEmbedding), ParameterKind::kEmbedding, {model.context, width});
  }
  for (std::uint32_t i = 0; i < slice.blocks; ++i) layout.add_block(model, slice.first_block + i);
  if (slice.is_tail()) {
    layout.add(std::string(kFinalNormGain), ParameterKind::kGain, {width});
    layout.add(std::string(kFinalNormBias), ParameterKind::kBias, {width});
  }
  if (has_own_head(model, slice)) {
    layout.add(std::string(kHead), ParameterKind::kEmbedding, {model.vocabulary, width});
  }
  return layout;
}

const Parameter* Layout::find(std::string_view name) const {
  const auto it = index_.find(std::string(name));
  return it == index_.end() ? nullptr : &parameters_[it->second];
}

}  // namespace brigade::stage
