// Carries out compute tasks on a stage: decodes what came over the wire, encodes what goes out.
//
// What a peer sent is believed only after its shape fits this stage and its token ids lie in the
// vocabulary, its size is that of others at this hop (size_gauge.hpp), and weights are near one's
// own; values are checked by the stage as it decodes. Anything else is a RejectedOutcome.
// What this stage computed is checked as it is encoded: values that are not finite mean that it has
// diverged, which is its own failure and must not come back as another's. A peer may send any codec
// that this node decodes; what goes out is in the codec that the task asks for.
// Copies: an activation is copied once, to lie in one piece with its tokens; a gradient not at all.
// Threading: one thread at a time (the engine's).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/compute_task.hpp"
#include "daemon/size_gauge.hpp"
#include "daemon/token_source.hpp"

namespace brigade::daemon {

/// What every tensor at this stage must look like.
struct StageShape {
  std::uint32_t batch = 0;       // B
  std::uint32_t tokens = 0;      // T
  std::uint32_t width = 0;       // D
  std::uint32_t vocabulary = 0;  // token ids are below
  bool is_head = false;
  bool is_tail = false;
};

class StageWorker {
 public:
  /// `source` is needed at the head, and nowhere else.
  StageWorker(const StageShape& shape, std::unique_ptr<stage::Stage> stage,
              std::unique_ptr<TokenSource> source);

  /// Empty for a ForgetTask.
  std::optional<ComputeOutcome> carry_out(const ComputeTask& task);
  const stage::Stage& stage() const { return *stage_; }

 private:
  ComputeOutcome forward(const ForwardTask& task);
  ComputeOutcome backward(const BackwardTask& task);
  ComputeOutcome update(const UpdateTask& task);
  ComputeOutcome snapshot(const SnapshotTask& task);
  ComputeOutcome restore(const RestoreTask& task);
  ComputeOutcome share(const ShareTask& task);
  ComputeOutcome blend(const BlendTask& task);

  /// Activation and tokens of one micro-batch.
  struct Input {
    stage::Encoded activation;
    std::vector<std::int32_t> tokens;
  };
  Result<Input> decode(const MicrobatchId& id, const std::optional<PayloadData>& payload);
  double size_of(const PayloadData& payload) const;
  /// Of a tensor in `codec`, at this stage.
  PayloadShape payload_shape(Codec codec, bool has_tokens) const;
  /// Of the parts of the weights that replicas exchange.
  PayloadShape share_shape(Codec codec) const;
  Result<PayloadData> join(const PayloadShape& shape, const stage::Bytes& activation,
                           const std::vector<std::int32_t>& tokens) const;

  StageShape shape_;
  std::unique_ptr<stage::Stage> stage_;
  std::unique_ptr<TokenSource> source_;
  SizeGauge activations_;  // that come
  SizeGauge gradients_;
};

}  // namespace brigade::daemon
