// A line whose every stage has R replicas, real Stage objects in one process, in virtual time.
//
// Each replica computes one task at a time: a forward takes 1, a backward with its update 2, each
// off by up to kJitter. A head keeps `window` micro-batches in flight and draws the next of one
// stream; each goes to the replica of the same index at every stage, as replicas that are alike do
// it (swarm/path_finder.hpp), or to random ones, and its gradient back the same way. So delays are
// what R·P devices in a steady state make of them. All of it is a function of the seed.
//
// After every `average_every` updates of its own a replica asks another one of its stage for an
// exchange, if neither has one under way: both take their share, and each blends in the other's
// when it has made `lateness` more updates. Round numbers go by the position of the stage, so that
// replicas do not name the same blocks one after the other.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::bench {

struct ReplicatedLineOptions {
  stage::ModelShape model;  // one block a stage
  stage::MethodSettings method;
  std::uint32_t batch = 8;
  std::uint32_t tokens = 32;
  std::uint64_t seed = 1;
  std::uint32_t replicas = 2;       // R
  std::uint32_t window = 0;         // of each head; 0: P
  std::uint32_t average_every = 0;  // own updates; 0: never
  std::uint32_t lateness = 0;       // own updates
  bool random_paths = false;  // each micro-batch anywhere, not to the replica of the same index
  stage::Codec codec = stage::Codec::kFp32;
};

class ReplicatedLine {
 public:
  using Draw = std::function<std::vector<std::int32_t>(std::uint64_t microbatch)>;

  static Result<ReplicatedLine> make(const ReplicatedLineOptions& options);

  /// Trains on micro-batches 0 … count−1; the mean loss of each.
  Result<std::vector<double>> train(std::uint64_t count, const Draw& draw);
  /// All replicas of a stage to their mean, by exchanges of every block.
  Result<> meet();
  /// Mean loss through replica `replica` of each stage.
  Result<double> evaluate(std::size_t replica, std::span<const std::int32_t> tokens);

  std::size_t stages() const { return options_.model.blocks; }
  /// δ of a stage in own micro-batches, running mean, averaged over its replicas.
  double measured_delay(std::size_t stage) const;
  /// ‖theirs − mine‖ / ‖mine‖ at exchanges, averaged over the second half of the run.
  double distance() const { return distances_ > 0 ? distance_sum_ / distances_ : 0; }
  /// What one replica sent for averaging, a micro-batch of its own, averaged over stages.
  double share_bytes_a_microbatch() const;
  /// Of training, in the time of a forward.
  double virtual_time() const { return now_; }

 private:
  struct Exchange {
    std::uint64_t round;
    std::shared_ptr<const stage::Bytes> mine, theirs;
    std::uint64_t due;  // own updates
  };
  struct Task {
    bool is_backward;
    std::uint64_t microbatch;
  };
  struct Replica {
    std::size_t stage, index;
    std::unique_ptr<stage::Stage> weights;
    std::deque<Task> forwards, backwards;
    bool is_busy = false;
    std::uint64_t applied = 0, updates = 0;
    std::uint32_t accumulated = 0;
    double delay = 0;
    std::map<std::uint64_t, std::uint64_t> applied_then;  // by micro-batch, at its forward
    std::deque<Exchange> exchanges;
  };
  struct Journey {  // of a micro-batch
    std::vector<std::int32_t> tokens;
    std::vector<std::size_t> path;          // replica of each stage
    std::vector<stage::Bytes> activations;  // what each stage was given
    stage::Bytes gradient;                  // on its way back
  };
  struct Done {
    double at;
    std::uint64_t order;
    std::size_t replica;  // of all
    Task task;
    bool operator>(const Done& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  Replica& at(std::size_t stage, std::size_t index) {
    return replicas_[stage * options_.replicas + index];
  }
  void draw_for(std::size_t head, const Draw& draw);
  Result<> start(Replica& replica);
  Result<> on_done(const Done& done, const Draw& draw);
  Result<> forward(Replica& replica, std::uint64_t microbatch);
  Result<> backward(Replica& replica, std::uint64_t microbatch);
  Result<> update(Replica& replica);
  Result<> ask(Replica& replica);
  Result<> blend_what_is_due(Replica& replica);
  Result<> exchange_all(std::size_t stage, std::size_t a, std::size_t b);
  void measure(std::size_t blocks, const stage::Bytes& mine, const stage::Bytes& theirs);

  ReplicatedLineOptions options_;
  std::vector<Replica> replicas_;         // stage by stage
  std::vector<std::uint64_t> positions_;  // of each stage: applied by all its replicas
  std::map<std::uint64_t, Journey> journeys_;
  std::priority_queue<Done, std::vector<Done>, std::greater<>> events_;
  Random random_{0};
  double now_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t next_ = 0, count_ = 0;
  std::vector<double> losses_;
  double distance_sum_ = 0;
  double distances_ = 0;
  std::uint64_t share_bytes_ = 0;
};

}  // namespace brigade::bench
