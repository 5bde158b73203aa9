// What the parts of one node share. Owned by the core; a part holds a reference.
#pragma once

#include "base/time.hpp"
#include "swarm/action_queue.hpp"
#include "swarm/epoch_info.hpp"
#include "swarm/ledger.hpp"
#include "swarm/message.hpp"
#include "swarm/options.hpp"
#include "swarm/router.hpp"
#include "swarm/stage_position.hpp"
#include "swarm/task_queue.hpp"

namespace brigade::swarm {

struct Shared {
  explicit Shared(const Options& chosen)
      : options(chosen),
        ledger(most_applied_ahead(chosen)),
        tasks(chosen),
        router(chosen.stage, chosen.stages) {}

  bool is_head() const { return options.stage.value() == 0; }
  bool is_tail() const { return options.stage.value() + 1 == options.stages; }
  /// Everything below is applied here, counted over the run.
  std::uint64_t position() const { return epoch.from.position + ledger.watermark(); }
  /// As far as what is applied here reaches, whatever is still missing below.
  std::uint64_t reached() const {
    return options.has_replicas ? stage_position.told()
                                : epoch.from.position + ledger.counts().applied;
  }

  /// What a tail can have said of a micro-batch: no loss is negative, and one of thousands of nats
  /// a token is no loss.
  bool is_plausible(const LossSum& loss) const {
    constexpr double kMostNats = 10'000;  // a token; log of the vocabulary is 15 at most
    return options.tokens == 0 || (loss.tokens == options.tokens && loss.nats >= 0 &&
                                   loss.nats <= kMostNats * loss.tokens);
  }

  const Options options;
  EpochInfo epoch;
  StagePosition stage_position;  // replicas
  Load load;                     // of the slowest stage from this one on: the newest that is known
  ActionQueue actions;
  Ledger ledger;
  TaskQueue tasks;
  Router router;
};

}  // namespace brigade::swarm
