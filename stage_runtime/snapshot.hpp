// A copy of everything that a checkpoint holds, in host memory: made by the compute thread, written
// by another while training goes on.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "stage_runtime/layout.hpp"
#include "stage_runtime/method/method.hpp"
#include "stage_runtime/optim/adam.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::stage {

inline constexpr std::size_t kMoments = 2;
/// The tensor of a checkpoint that holds moment `index` of a parameter: named after torch.optim
/// where it is that, "direction" where Muon keeps a matrix's newest direction.
std::string moment_tensor(std::size_t index, const Parameter& parameter, OptimizerKind optimizer);

/// An uninitialised flat host buffer.
class HostBuffer {
 public:
  HostBuffer() = default;
  explicit HostBuffer(std::size_t size)
      : data_(std::make_unique_for_overwrite<float[]>(size)), size_(size) {}
  std::span<float> span() { return {data_.get(), size_}; }
  std::span<const float> span() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<float[]> data_;
  std::size_t size_ = 0;
};

struct Snapshot {
  ModelShape model;
  Slice slice;
  std::string method;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  Layout layout;
  OptimizerCounters counters;
  HostBuffer weights;
  std::array<HostBuffer, kMoments> moments;
};

}  // namespace brigade::stage
