#include "bench/replicated_line.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"

namespace brigade::bench {
namespace {

constexpr double kForwardTime = 1;
constexpr double kBackwardTime = 2;
constexpr double kJitter = 0.1;
constexpr double kPast = 0.99;  // of the running mean of the delay

MicrobatchId id_of(std::uint64_t microbatch) {
  return {.epoch = Epoch(1), .head = HeadIndex(0), .sequence = Sequence(microbatch)};
}

}  // namespace

Result<ReplicatedLine> ReplicatedLine::make(const ReplicatedLineOptions& options) {
  ReplicatedLine line;
  line.options_ = options;
  const std::uint32_t stages = options.model.blocks;
  if (options.window == 0) line.options_.window = stages;
  line.random_ = Random(mix_seed(options.seed, 77));
  line.positions_.assign(stages, 0);
  for (std::uint32_t i = 0; i < stages; ++i) {
    for (std::uint32_t r = 0; r < options.replicas; ++r) {
      const stage::StageOptions its{.model = options.model,
                                    .slice = {i, stages, i, 1},
                                    .method = options.method,
                                    .seed = options.seed,
                                    .batch = options.batch,
                                    .tokens = options.tokens,
                                    .recompute = false,
                                    .device = "cpu",
                                    .threads = 1};
      Replica replica;
      replica.stage = i;
      replica.index = r;
      BRIGADE_ASSIGN(replica.weights, stage::Stage::make(its));
      replica.delay = stages - 1 - i;
      line.replicas_.push_back(std::move(replica));
    }
  }
  return line;
}

void ReplicatedLine::draw_for(std::size_t head, const Draw& draw) {
  if (next_ == count_) return;
  Journey& journey = journeys_[next_];
  journey.tokens = draw(next_);
  journey.path = {head};
  journey.activations.emplace_back();
  at(0, head).forwards.push_back({false, next_++});
}

/// The next task, gradients first. It is computed now; others see what comes of it when it is done.
Result<> ReplicatedLine::start(Replica& replica) {
  if (replica.is_busy) return {};
  std::deque<Task>& queue = replica.backwards.empty() ? replica.forwards : replica.backwards;
  if (queue.empty()) return {};
  const Task task = queue.front();
  queue.pop_front();
  replica.is_busy = true;
  BRIGADE_TRY(task.is_backward ? backward(replica, task.microbatch)
                               : forward(replica, task.microbatch));
  const double nominal = task.is_backward ? kBackwardTime : kForwardTime;
  const double took = nominal * (1 + kJitter * (2 * random_.uniform() - 1));
  const std::size_t which = replica.stage * options_.replicas + replica.index;
  events_.push({now_ + took, order_++, which, task});
  return {};
}

Result<> ReplicatedLine::forward(Replica& replica, std::uint64_t microbatch) {
  Journey& journey = journeys_.at(microbatch);
  BRIGADE_ASSIGN(
      stage::ForwardResult result,
      replica.weights->forward(id_of(microbatch), journey.activations[replica.stage].view(),
                               journey.tokens, /*keeps=*/true));
  replica.applied_then[microbatch] = replica.applied;
  if (replica.stage + 1 < stages()) {
    journey.activations.push_back(std::move(result.activation));
  } else {
    losses_[microbatch] = result.loss.nats / result.loss.tokens;
  }
  return {};
}

Result<> ReplicatedLine::backward(Replica& replica, std::uint64_t microbatch) {
  Journey& journey = journeys_.at(microbatch);
  BRIGADE_ASSIGN(journey.gradient, replica.weights->backward(
                                       id_of(microbatch), journey.activations[replica.stage].view(),
                                       journey.tokens, journey.gradient.view()));
  const std::uint64_t then = replica.applied_then.extract(microbatch).mapped();
  const auto seen = static_cast<double>(replica.applied++ - then);
  replica.delay = kPast * replica.delay + (1 - kPast) * seen;
  ++positions_[replica.stage];
  if (++replica.accumulated < options_.method.accumulate) return {};
  return update(replica);
}

Result<> ReplicatedLine::update(Replica& replica) {
  const std::uint32_t accumulate = options_.method.accumulate;
  const std::uint64_t position = positions_[replica.stage];
  BRIGADE_TRY(replica.weights->update({.update = (position - 1) / accumulate,
                                       .microbatches = std::exchange(replica.accumulated, 0),
                                       .delay_microbatches = replica.delay,
                                       .staleness_updates = replica.delay / accumulate}));
  ++replica.updates;
  BRIGADE_TRY(blend_what_is_due(replica));
  if (options_.replicas < 2 || options_.average_every == 0) return {};
  // Replicas ask in turn.
  const std::uint64_t phase = replica.index * options_.average_every / options_.replicas;
  if ((replica.updates + phase) % options_.average_every != 0) return {};
  return ask(replica);
}

Result<> ReplicatedLine::ask(Replica& replica) {
  const std::uint64_t other = random_.below(options_.replicas - 1);
  Replica& partner = at(replica.stage, other + (other >= replica.index ? 1 : 0));
  // One at a time: a difference that is still under way would be added twice.
  if (!replica.exchanges.empty() || !partner.exchanges.empty()) return {};
  const std::uint64_t round = positions_[replica.stage] /
                              (std::uint64_t{options_.average_every} * options_.method.accumulate);
  BRIGADE_ASSIGN(stage::Bytes here, replica.weights->share(round, options_.codec));
  BRIGADE_ASSIGN(stage::Bytes there, partner.weights->share(round, options_.codec));
  if (next_ > count_ / 2) measure(replica.weights->share_blocks(), here, there);
  share_bytes_ += here.size + there.size;
  const auto mine = std::make_shared<const stage::Bytes>(std::move(here));
  const auto theirs = std::make_shared<const stage::Bytes>(std::move(there));
  replica.exchanges.push_back({round, mine, theirs, replica.updates + options_.lateness});
  partner.exchanges.push_back({round, theirs, mine, partner.updates + options_.lateness});
  BRIGADE_TRY(blend_what_is_due(replica));
  return blend_what_is_due(partner);
}

Result<> ReplicatedLine::blend_what_is_due(Replica& replica) {
  while (!replica.exchanges.empty() && replica.exchanges.front().due <= replica.updates) {
    const Exchange exchange = std::move(replica.exchanges.front());
    replica.exchanges.pop_front();
    BRIGADE_TRY(replica.weights->blend(exchange.round, {exchange.mine->view(), options_.codec},
                                       {exchange.theirs->view(), options_.codec}, 0.5));
  }
  return {};
}

void ReplicatedLine::measure(std::size_t blocks, const stage::Bytes& mine,
                             const stage::Bytes& theirs) {
  std::vector<float> a(blocks * stage::kShareWidth), b(a.size());
  BRIGADE_CHECK(stage::decode(options_.codec, mine.view(), a, "share").has_value());
  BRIGADE_CHECK(stage::decode(options_.codec, theirs.view(), b, "share").has_value());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(b[i]) - a[i], 2);
    norm += std::pow(static_cast<double>(a[i]), 2);
  }
  distance_sum_ += std::sqrt(difference / norm);
  distances_ += 1;
}

Result<> ReplicatedLine::on_done(const Done& done, const Draw& draw) {
  Replica& replica = replicas_[done.replica];
  const std::uint64_t m = done.task.microbatch;
  replica.is_busy = false;
  Replica* next = &replica;
  if (!done.task.is_backward) {
    if (replica.stage + 1 < stages()) {
      const std::size_t own = replica.index;
      journeys_.at(m).path.push_back(options_.random_paths ? random_.below(options_.replicas)
                                                           : own);
      next = &at(replica.stage + 1, journeys_.at(m).path.back());
      next->forwards.push_back({false, m});
    } else {
      replica.backwards.push_back({true, m});
    }
  } else if (replica.stage > 0) {
    next = &at(replica.stage - 1, journeys_.at(m).path[replica.stage - 1]);
    next->backwards.push_back({true, m});
  } else {
    journeys_.erase(m);
    draw_for(replica.index, draw);
  }
  BRIGADE_TRY(start(replica));
  return start(*next);
}

Result<std::vector<double>> ReplicatedLine::train(std::uint64_t count, const Draw& draw) {
  count_ = count;
  losses_.assign(count, 0);
  for (std::uint32_t i = 0; i < options_.window; ++i) {
    for (std::uint32_t head = 0; head < options_.replicas; ++head) draw_for(head, draw);
  }
  for (std::uint32_t head = 0; head < options_.replicas; ++head) BRIGADE_TRY(start(at(0, head)));
  while (!events_.empty()) {
    const Done done = events_.top();
    events_.pop();
    now_ = done.at;
    BRIGADE_TRY(on_done(done, draw));
  }
  BRIGADE_CHECK(journeys_.empty(), "the schedule is stuck");
  return losses_;
}

Result<> ReplicatedLine::exchange_all(std::size_t stage, std::size_t a, std::size_t b) {
  Replica &left = at(stage, a), &right = at(stage, b);
  // More rounds than any cycle has: blocks that are equal already stay so.
  const std::uint64_t bytes =
      std::uint64_t{left.weights->share_blocks()} * stage::kShareWidth * sizeof(float);
  const std::uint64_t rounds = 2 * (left.weights->param_bytes() / bytes + 1);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    BRIGADE_ASSIGN(const stage::Bytes mine, left.weights->share(round));
    BRIGADE_ASSIGN(const stage::Bytes theirs, right.weights->share(round));
    BRIGADE_TRY(left.weights->blend(round, mine.view(), theirs.view(), 0.5));
    BRIGADE_TRY(right.weights->blend(round, theirs.view(), mine.view(), 0.5));
  }
  return {};
}

Result<> ReplicatedLine::meet() {
  BRIGADE_CHECK((options_.replicas & (options_.replicas - 1)) == 0, "R is a power of two");
  for (std::size_t stage = 0; stage < stages(); ++stage) {
    for (std::size_t bit = 1; bit < options_.replicas; bit *= 2) {
      for (std::size_t a = 0; a < options_.replicas; ++a) {
        if ((a & bit) == 0) BRIGADE_TRY(exchange_all(stage, a, a | bit));
      }
    }
  }
  return {};
}

Result<double> ReplicatedLine::evaluate(std::size_t replica, std::span<const std::int32_t> tokens) {
  stage::Bytes activation;
  for (std::size_t i = 0; i < stages(); ++i) {
    MicrobatchId id = id_of(0);
    id.kind = MicrobatchId::Kind::kEval;
    BRIGADE_ASSIGN(stage::ForwardResult result,
                   at(i, replica).weights->forward(id, activation.view(), tokens, /*keeps=*/false));
    activation = std::move(result.activation);
    if (result.loss.tokens > 0) return result.loss.nats / result.loss.tokens;
  }
  BRIGADE_CHECK(false, "a line without a tail");
}

double ReplicatedLine::measured_delay(std::size_t stage) const {
  double sum = 0;
  for (const Replica& replica : replicas_) {
    if (replica.stage == stage) sum += replica.delay;
  }
  return sum / options_.replicas;
}

double ReplicatedLine::share_bytes_a_microbatch() const {
  std::uint64_t applied = 0;
  for (const std::uint64_t position : positions_) applied += position;
  return static_cast<double>(share_bytes_) / static_cast<double>(applied);
}

}  // namespace brigade::bench
