// When the head evaluates, which batches are still to be sent, and their sum.
//
// Rules
// - Three occasions: before the first draw of a resumed run (so that it can be compared with the
//   checkpoint), every `eval_every` positions, and one at the end over the whole validation split,
//   when everything is applied at every stage.
// - One evaluation at a time: an occasion that comes while one is under way is passed over, except
//   for the final one, which waits.
// - Batch b of the n-th evaluation has the sequence n·2^32 + b (action.hpp): ids never repeat, and
//   the validation window is a function of b alone.
// - Replicas: of several heads one is on duty. For the others an occasion passes; the final one
//   waits until they are, if ever.
// - Sums of nats and tokens, never a mean of means.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "swarm/action.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

class Evaluation {
 public:
  static constexpr int kBatchBits = 32;

  explicit Evaluation(const Options& options);
  void restart(std::uint64_t from_position);  // a new epoch: nothing under way

  void on_applied(std::uint64_t position);  // the position that the head has reached
  void start_final(std::uint64_t position);
  void set_duty(bool is_on_duty) { is_on_duty_ = is_on_duty; }

  bool has_batch_to_send() const { return is_running_ && sent_ < batches_; }
  Sequence take_batch();
  void on_result(const LossSum& loss);  // of one batch, once each
  /// Of an evaluation that has just been completed.
  std::optional<EvalReported> take_report();

  bool is_running() const { return is_running_; }
  /// Nothing may be drawn before it is done.
  bool comes_first() const { return is_running_ && kind_ == Kind::kResume; }
  bool is_final_done() const { return is_final_done_; }

 private:
  enum class Kind : std::uint8_t { kResume, kPeriodic, kFinal };
  void start(Kind kind, std::uint64_t position, std::uint32_t batches);

  std::uint64_t every_;
  std::uint32_t batches_in_training_;
  std::uint32_t batches_at_end_;
  bool on_resume_;

  bool is_on_duty_ = true;
  bool is_running_ = false;
  bool is_final_done_ = false;
  Kind kind_ = Kind::kPeriodic;
  std::uint64_t position_ = 0;
  std::uint64_t next_due_ = 0;  // position of the next periodic one
  std::uint64_t number_ = 0;    // evaluations of this epoch so far
  std::uint32_t batches_ = 0;
  std::uint32_t sent_ = 0;
  std::uint32_t done_ = 0;
  LossSum sum_;
};

}  // namespace brigade::swarm
