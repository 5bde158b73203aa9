// A whole line of real Stage objects in one process, under the deterministic schedule of the golden
// vectors: fill, then forward(m + τ), backward(m), update, in this order whatever arrives first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::vectors {

struct LineOptions {
  stage::ModelShape model;
  stage::MethodSettings method;
  std::vector<std::uint32_t> blocks;  // of each stage
  std::uint32_t batch = 1;
  std::uint32_t tokens = 1;
  bool recompute = false;
  bool is_synchronous = false;
  std::uint64_t seed = 1;
  /// Around micro-batch m every stage is that many times its nominal delay late; absent: once.
  std::function<double(std::uint32_t microbatch)> lateness = {};
};

class Line {
 public:
  static Result<Line> make(const LineOptions& options);

  Result<> restore(std::span<const std::filesystem::path> files);

  /// Trains on micro-batches 0 … count−1; `data(m)` are B rows of T+1 tokens. The mean loss of
  /// each.
  Result<std::vector<double>> train(
      std::uint32_t count, const std::function<std::span<const std::int32_t>(std::uint32_t)>& data);

  /// Mean loss on the newest weights; nothing is kept.
  Result<double> evaluate(std::span<const std::int32_t> tokens);

  /// Updates done before: where the learning rate's schedule goes on after a restore.
  void set_updates(std::uint64_t updates) { updates_.assign(size(), updates); }

  stage::Stage& stage(std::size_t index) { return *stages_[index]; }
  std::size_t size() const { return stages_.size(); }
  /// The most that any stage has stored at once.
  std::uint32_t weight_versions() const { return weight_versions_; }
  /// δ of a stage, the running mean that its corrections see with tau = "measured".
  double measured_delay(std::size_t stage) const { return delays_[stage].mean; }

 private:
  enum class Kind : std::uint8_t { kForward, kBackward, kUpdate };
  struct Step {
    Kind kind;
    std::uint32_t microbatch;  // of an update: its last
  };
  struct Run;

  std::vector<Step> script(std::size_t stage, std::uint32_t count) const;
  Result<bool> advance(std::size_t index, Run& run);
  Result<> forward(std::size_t index, std::uint32_t microbatch, Run& run);
  Result<> backward(std::size_t index, std::uint32_t microbatch, Run& run);
  Result<> update(std::size_t index);

  /// What a stage's own micro-batches tell it: METHOD, "Measured".
  struct Delay {
    double mean = 0;
    std::uint64_t applied = 0;
    std::map<std::uint32_t, std::uint64_t> applied_then;  // by micro-batch, at its forward
  };

  LineOptions options_;
  std::vector<std::unique_ptr<stage::Stage>> stages_;
  std::vector<std::uint64_t> updates_;
  std::vector<Delay> delays_;
  std::uint32_t weight_versions_ = 1;
};

}  // namespace brigade::vectors
