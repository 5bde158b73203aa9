// The flat buffers of a stage: fp32 weights, gradients and two moments, and the device's bf16
// shadow of the weights where it computes in bf16. Parameters are views into them
// (ModelTensors::view).
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <span>

#include "stage_runtime/device.hpp"
#include "stage_runtime/layout.hpp"
#include "stage_runtime/snapshot.hpp"

namespace brigade::stage {

struct Arena {
  at::Tensor weights;    // (buffer_size) fp32, the master
  at::Tensor gradients;  // (buffer_size) fp32
  std::array<at::Tensor, kMoments> moments;
  at::Tensor shadow;  // (buffer_size) bf16; undefined on the CPU

  /// Everything zero.
  static Arena make(const Layout& layout, const Device& device);
  /// What the modules read.
  const at::Tensor& compute_weights() const { return shadow.defined() ? shadow : weights; }
};

/// Host memory to a flat buffer and back.
void upload(std::span<const float> from, const at::Tensor& to);
void download(const at::Tensor& from, std::span<float> to);
/// The same for blocks of a flat buffer (averaging.hpp); `blocks` ascend.
void upload_blocks(std::span<const float> from, std::span<const std::uint32_t> blocks,
                   const at::Tensor& to);
void download_blocks(const at::Tensor& from, std::span<const std::uint32_t> blocks,
                     std::span<float> to);
/// Zeros between the parameters, where bytes of a peer may have left something.
void clear_gaps(const Layout& layout, const at::Tensor& buffer);

}  // namespace brigade::stage
