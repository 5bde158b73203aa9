// One stage of a model: its layers, weights, optimiser and what it keeps for micro-batches in
// flight. The facade of stage_runtime: no torch type in it, no torch exception leaves it.
//
// Tensors at this boundary are encoded bytes, as they travel:
//   activation, gradient  (B, T, D) in the codec of the link
//   tokens                (B, T+1) int32; inputs [..., :T], targets [..., 1:]
// Threading: one thread at a time. Errors: kBadInput (settings), kCorrupt (checkpoint),
// kProtocol (bytes that do not decode, non-finite values), kUnavailable (values of its own that do
// not encode: diverged), kUnsupported (device), kIo.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "stage_runtime/codec.hpp"

namespace brigade::stage {

struct ModelShape {
  std::uint32_t vocabulary = 256;
  std::uint32_t context = 128;  // rows of the position table
  std::uint32_t width = 128;    // D
  std::uint32_t blocks = 4;
  std::uint32_t heads = 4;
  bool tied_head = false;
  double layer_norm_epsilon = 1e-5;
  double init_std = 0.02;
};

/// Which part of the model this is. P = 1: everything.
struct Slice {
  std::uint32_t stage = 0;
  std::uint32_t stages = 1;  // P
  std::uint32_t first_block = 0;
  std::uint32_t blocks = 0;
  bool is_head() const { return stage == 0; }
  bool is_tail() const { return stage + 1 == stages; }
};

enum class TauSource : std::uint8_t { kMeasured, kNominal, kFixed };

/// Settings of the method and its schedule; docs/method.md names each symbol.
struct MethodSettings {
  std::string name = "nesterov";
  std::uint32_t accumulate = 1;  // K or M
  TauSource tau_source = TauSource::kMeasured;
  double tau_fixed = 0;  // updates, with kFixed
  double learning_rate = 6e-4;
  double final_ratio = 0.1;
  double warmup_start = 1e-7;          // learning rate before the first warm-up step
  std::uint64_t total_updates = 1000;  // U: end of the cosine
  std::uint64_t warmup_updates = 60;
  std::uint64_t correction_updates = 140;  // T of the learning-rate correction
  double weight_decay = 0.01;
  double clip = 10.0;  // 0: off
  double beta1 = 0.9;
  double beta1_max = 0.99;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double momentum_decay = 0.004;   // ψ
  double look_ahead = 1;           // s of nesterov-muon
  std::uint32_t muon_refresh = 1;  // updates that a direction of Muon is used for
  std::string optimizer = "auto";  // of the synchronous methods: "muon" instead of their own
  double average_share = 0.25;     // of the weights, that a round of averaging replicas names
};

inline constexpr std::uint32_t kShareWidth = 1024;  // weights a block that replicas average

struct StageOptions {
  ModelShape model;
  Slice slice;
  MethodSettings method;
  std::uint64_t seed = 1;
  std::uint32_t batch = 8;      // B
  std::uint32_t tokens = 128;   // T
  bool recompute = false;       // keep inputs only and run the forward again at backward time
  std::string device = "auto";  // auto, cpu, cuda:N
  std::uint32_t threads = 1;    // 0: all cores
};

struct Bytes {  // owned, uninitialised on growth
  std::unique_ptr<std::byte[]> data;
  std::size_t size = 0;
  std::span<const std::byte> view() const { return {data.get(), size}; }
};

struct Loss {
  double nats = 0;  // summed over `tokens`
  std::uint32_t tokens = 0;
};

/// A tensor (B, T, D) as it travels. Where fp32 is meant, bytes alone will do.
struct Encoded {
  Encoded() = default;
  template <std::convertible_to<std::span<const std::byte>> View>
  Encoded(const View& view, Codec its_codec = Codec::kFp32) : bytes(view), codec(its_codec) {}

  std::span<const std::byte> bytes;
  Codec codec = Codec::kFp32;
  float scale = 1;  // what is decoded is multiplied by this
};

struct ForwardResult {
  Bytes activation;  // (B, T, D) in the codec asked for; empty at the tail
  Loss loss;         // at the tail
};

struct UpdateOrder {
  std::uint64_t update = 0;        // u, from 0
  std::uint32_t microbatches = 1;  // accumulated since the last one
  double delay_microbatches = 0;   // δ measured, running mean
  double staleness_updates = 0;    // τ measured
};

struct UpdateReport {
  double learning_rate = 0;  // as applied, corrections included
  double beta1 = 0;
  double gradient_norm = 0;  // of the mean gradient, before clipping
};

/// How the weights moved between the forward and the backward of a micro-batch, running means
/// (arXiv 2505.01099, the discrepancy of the weights). Of an even sample of the weights.
struct Drift {
  double cosine = 0;          // between the change and the momentum's step at the forward
  double norm = 0;            // L2 of the change, scaled to the whole stage
  std::uint64_t samples = 0;  // micro-batches that it was measured on; 0: never stale yet
};

/// A copy of everything that a checkpoint holds: flat fp32 buffers and counters.
struct Snapshot;  // opaque; write_snapshot() is thread-safe against the stage
using SnapshotPtr = std::shared_ptr<const Snapshot>;

/// Where a checkpoint came from; stored in its header and checked when it is read.
struct CheckpointInfo {
  std::uint32_t epoch = 0;
  std::uint64_t position = 0;  // micro-batches contained
  std::uint64_t next_sequence = 0;
  std::vector<std::uint64_t> applied_ahead;
  std::uint64_t version = 0;  // updates
  // Of the snapshot: write_snapshot() stores what the stage is, whatever stands here, and
  // verify_checkpoint() reads it back.
  ModelShape model;
  Slice slice;
};

class Stage {
 public:
  /// Builds the slice with its seeded initialisation (a pure function of seed, parameter name and
  /// index: it does not depend on P).
  static Result<std::unique_ptr<Stage>> make(const StageOptions& options);
  virtual ~Stage() = default;

  /// `activation` is empty at the head. `keeps` false: evaluation, nothing is kept. `answer` is the
  /// codec of what comes back, rounded to nearest.
  virtual Result<ForwardResult> forward(const MicrobatchId& id, const Encoded& activation,
                                        std::span<const std::int32_t> tokens, bool keeps,
                                        Codec answer = Codec::kFp32) = 0;
  /// `input` and `tokens` as given to forward (needed where it recomputes). `gradient` is empty at
  /// the tail. Accumulates into the flat gradient; returns the gradient of the input, (B, T, D)
  /// in the codec `answer`, empty at the head. Its rounding is a pure function of the run's seed,
  /// the stage and `id`.
  virtual Result<Bytes> backward(const MicrobatchId& id, const Encoded& input,
                                 std::span<const std::int32_t> tokens, const Encoded& gradient,
                                 Codec answer = Codec::kFp32) = 0;
  virtual Result<UpdateReport> update(const UpdateOrder& order) = 0;
  virtual void forget(const MicrobatchId& id) = 0;
  virtual void forget_all() = 0;  // activations and accumulated gradients

  /// Replicas: the parts of the weights that `round` names, for another replica of this stage
  /// (stage_runtime/averaging.hpp): (1, share_blocks(), kShareWidth) in `codec`, fp32 or bf16
  /// (else kBadInput), rounded to nearest. A pure function of the run's seed, the stage, `round`
  /// and the weights.
  virtual Result<Bytes> share(std::uint64_t round, Codec codec = Codec::kFp32) const = 0;
  /// weights += weight · (theirs − mine) in the parts that `round` names; `mine` is what
  /// share(round) gave then, `weight` lies in 0 … 1. What was learned since stays; moments,
  /// counters and what is kept for micro-batches in flight are left alone. kProtocol: sizes, a
  /// codec or a weight that can't be, non-finite values, before or after, `theirs` farther from
  /// `mine` than `farthest` norms of `mine`; then nothing is changed.
  virtual Result<> blend(std::uint64_t round, const Encoded& mine, const Encoded& theirs,
                         double weight,
                         double farthest = std::numeric_limits<double>::infinity()) = 0;
  virtual std::uint32_t share_blocks() const = 0;  // how many blocks one round names

  virtual SnapshotPtr snapshot() const = 0;
  /// Back to the seeded initialisation.
  virtual Result<> reset() = 0;
  /// Reads weights, and moments where the file has them, of this slice from checkpoint files of any
  /// split of the same model (P may change at a resume).
  virtual Result<> restore(std::span<const std::filesystem::path> files) = 0;

  virtual std::uint64_t parameters() const = 0;
  virtual std::uint64_t param_bytes() const = 0;  // one version of the weights
  virtual std::uint64_t state_bytes() const = 0;  // gradients and moments
  virtual std::uint64_t kept_bytes() const = 0;   // activations kept for micro-batches in flight
  virtual std::uint32_t weight_versions() const = 0;
  virtual Drift drift() const = 0;
  virtual std::string device() const = 0;  // "cpu", "cuda:0 (NVIDIA …)"
};

/// Writes `snapshot` as one safetensors file with Hugging Face names (moments under "optimizer.")
/// and `info` in its metadata: temporary file, fsync, rename. Thread-safe.
Result<> write_snapshot(const Snapshot& snapshot, const CheckpointInfo& info,
                        const std::filesystem::path& file);

/// Header and checksum of a checkpoint file; kCorrupt says what is wrong. Needs no Stage.
Result<CheckpointInfo> verify_checkpoint(const std::filesystem::path& file);

/// FLOP a token, forward and backward: input of swarm::plan_stages.
struct SliceCost {
  double embedding = 0, head = 0, block = 0;
};
SliceCost model_cost(const ModelShape& model, std::uint32_t tokens);

/// What a stage will need, before it is built; within 10 % (bench/memory).
struct MemoryEstimate {
  std::uint64_t parameters = 0;
  std::uint64_t param_bytes = 0, state_bytes = 0;
  std::uint64_t kept_bytes_per_microbatch = 0;  // with or without recompute, as asked
  std::uint32_t weight_versions = 1;            // of param_bytes each, at the nominal delay
};
MemoryEstimate estimate_memory(const ModelShape& model, const Slice& slice, std::uint32_t batch,
                               std::uint32_t tokens, const MethodSettings& method, bool recompute);

}  // namespace brigade::stage
