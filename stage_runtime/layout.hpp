// Where each parameter of a stage lies in its flat buffers. Parameters are known by their Hugging
// Face name and shape; weights, gradients and every moment use the same offsets, so that an
// optimiser step, a snapshot or an average is one pass over contiguous memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

enum class ParameterKind : std::uint8_t {
  kEmbedding,  // wte, wpe, lm_head
  kMatrix,     // (in, out) of a block: y = x · W + b
  kGain,       // of a norm
  kBias,
};

struct Parameter {
  std::string name;  // Hugging Face: "transformer.h.3.attn.c_attn.weight"
  ParameterKind kind = ParameterKind::kMatrix;
  std::vector<std::int64_t> shape;
  std::uint32_t parts = 1;  // matrices side by side in the columns: 3 in c_attn (q, k, v)
  std::size_t offset = 0;   // elements from the start of the flat buffer
  std::size_t size = 0;     // elements
};

/// Offsets are multiples of this many elements (64 bytes, a cache line and an AVX-512 register).
/// The gaps hold zeros in every buffer and stay zero through any optimiser step.
inline constexpr std::size_t kAlignElements = 16;

class Layout {
 public:
  /// The parameters of `slice`, in the order of the forward pass. `model` and `slice` are sound
  /// (check_shape, check_slice).
  static Layout make(const ModelShape& model, const Slice& slice);
  /// One matrix alone.
  static Layout of_matrix(std::string name, std::int64_t rows, std::int64_t columns);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Null if this slice has no such parameter.
  const Parameter* find(std::string_view name) const;
  std::size_t buffer_size() const { return buffer_size_; }          // elements, gaps included
  std::size_t parameter_count() const { return parameter_count_; }  // elements, without gaps

 private:
  void add(std::string name, ParameterKind kind, std::vector<std::int64_t> shape,
           std::uint32_t parts = 1);
  void add_block(const ModelShape& model, std::uint32_t block);

  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t buffer_size_ = 0;
  std::size_t parameter_count_ = 0;
};

/// Does this slice hold the head's matrix as a parameter of its own? Head and embedding are tied
/// only where one stage has both.
bool has_own_head(const ModelShape& model, const Slice& slice);

/// Bounds of base/limits.hpp, heads divide width, finite numbers.
Result<> check_shape(const ModelShape& model);
/// The slice lies inside the model.
Result<> check_slice(const ModelShape& model, const Slice& slice);

/// Names shared by layout, modules and checkpoints.
inline constexpr std::string_view kTokenEmbedding = "transformer.wte.weight";
inline constexpr std::string_view kPositionEmbedding = "transformer.wpe.weight";
inline constexpr std::string_view kFinalNormGain = "transformer.ln_f.weight";
inline constexpr std::string_view kFinalNormBias = "transformer.ln_f.bias";
inline constexpr std::string_view kHead = "lm_head.weight";
std::string block_parameter(std::uint32_t block, std::string_view name);

}  // namespace brigade::stage
