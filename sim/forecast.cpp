#include "sim/forecast.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/random.hpp"
#include "sim/swarm_world.hpp"
#include "sim/world.hpp"

namespace brigade::sim {
namespace {

using Kind = SwarmFault::Kind;
using Chosen = std::vector<std::uint32_t>;  // machines

constexpr std::uint64_t kDeathSalt = 0xdea7;
constexpr std::uint64_t kEventSalt = 0xe7e7;
constexpr double kForwardShare = 1.0 / 3;  // of a micro-batch's computing
constexpr double kJitter = 0.1;            // of computing and of ways
constexpr double kWarmUp = 0.1;            // of the time
constexpr int kMoments = 3600;
// As daemon/members/neighbours.hpp has them.
constexpr std::uint32_t kLinksBeside = 8;
constexpr std::uint32_t kLinksOwn = 4;

constexpr Duration kLook = std::chrono::seconds{10};  // at most, from progress to progress
constexpr double kLeastMoments = 3;                   // that a mean is over
constexpr double kRecovered = 0.9;
constexpr double kLeastLook_s = 10;  // means are over at least this, and so many micro-batches
constexpr double kLookMicrobatches = 20;

/// Seconds until who begins has copied its stage.
double copies_s(const Plan& plan, const Plan::Machine& machine) {
  if (machine.bytes_per_second == 0) return 0;
  return static_cast<double>(plan.stage_bytes) / static_cast<double>(machine.bytes_per_second);
}

/// −log of a uniform draw in (0, 1], by a series: the C library's own differs between machines.
double exponential(Random& random) {
  int halvings = 0;
  double rest = 1.0 - random.uniform();
  for (; rest < 0.5; rest *= 2) ++halvings;
  const double x = (1 - rest) / (1 + rest);  // −log(rest) = 2·artanh(x)
  double term = x;
  double sum = 0;
  for (int k = 1; k < 40; k += 2, term *= x * x) sum += term / k;
  constexpr double kLog2 = 0.6931471805599453;
  return 2 * sum + halvings * kLog2;
}

class Forecaster {
 public:
  explicit Forecaster(const Plan& plan)
      : plan_(plan), gone_at_(plan.machines.size(), Duration::max()) {
    forecast_.stage_of = place(plan);
    make_scenario();
    for (std::size_t i = 0; i < plan.events.size(); ++i) add_event(i);
    for (std::uint32_t i = 0; i < plan.machines.size(); ++i) add_deaths(i);
  }

  Forecast run(const ForecastOptions& wished) {
    RunOptions options;
    options.live_trace = wished.trace;
    options.has_checks =
        wished.is_checked || wished.trace != nullptr || plan_.machines.size() <= kMostChecked;
    options.most_events = ~std::uint64_t{0};
    const Duration spacing = std::max<Duration>(std::chrono::seconds{1}, plan_.lasts / kMoments);
    options.sample_every = std::min(spacing, kLook);
    options.on_sample = [&](const SwarmSample& sample) {
      const double at_s = to_seconds(sample.at.time_since_epoch());
      if (wished.on_progress) wished.on_progress(at_s / to_seconds(plan_.lasts));
      if (at_s_.empty() || at_s - at_s_.back() >= to_seconds(spacing)) take(sample);
    };
    const SwarmResult result = sim::run(scenario_, plan_.seed, options);
    forecast_.violation = explain(scenario_, plan_.seed, result);
    forecast_.died = result.lost_progress;
    forecast_.written_off = result.written_off;
    conclude();
    return std::move(forecast_);
  }

 private:
  void make_scenario() {
    scenario_.name = "plan";
    scenario_.about = "machines of a plan";
    scenario_.stages = plan_.stages;
    scenario_.placed = forecast_.stage_of;
    scenario_.links_beside = kLinksBeside;
    scenario_.links_own = kLinksOwn;
    scenario_.options.window = plan_.window;
    scenario_.options.average_every = plan_.average_every;
    scenario_.activation_bytes = plan_.activation_bytes;
    scenario_.tokens = plan_.tokens;
    scenario_.device.forward = from_seconds(kForwardShare);  // of a machine that does one a second
    scenario_.device.backward = from_seconds(1 - kForwardShare);
    scenario_.device.update = scenario_.device.share = scenario_.device.blend = Duration{};
    scenario_.device.jitter = kJitter;
    scenario_.heals_at = plan_.lasts;
    scenario_.ends_unhealed = true;
    for (std::uint32_t i = 0; i < plan_.machines.size(); ++i) {
      const Plan::Machine& machine = plan_.machines[i];
      scenario_.slowness.emplace_back(i, 1 / (machine.per_second * (1 + kJitter / 2)));
      LinkModel line;
      line.latency = uniform(machine.line, from_seconds(kJitter * to_seconds(machine.line)));
      line.bytes_per_second = machine.bytes_per_second;
      scenario_.lines.push_back(line);
    }
  }

  void add_event(std::size_t index) {
    const Plan::Event& event = plan_.events[index];
    Chosen chosen;
    for (std::uint32_t i = 0; i < plan_.machines.size(); ++i) {
      const bool is_meant = !event.kind || plan_.machines[i].kind == *event.kind;
      if (is_meant && event.at < gone_at_[i]) chosen.push_back(i);
    }
    std::ranges::sort(chosen, {},
                      [&](std::uint32_t i) { return mix_seed(plan_.seed, kEventSalt, index, i); });
    chosen.resize(std::min<std::size_t>(chosen.size(), event.count));
    std::ranges::sort(chosen);
    for (const std::uint32_t i : chosen) {
      Duration lasts = event.lasts;
      const bool returns = event.what == Kind::kKill && lasts > Duration::zero();
      if (returns) lasts += from_seconds(copies_s(plan_, plan_.machines[i]));
      if (lasts == Duration::zero() && event.what != Kind::kKill && event.what != Kind::kLeave) {
        lasts = plan_.lasts;
      }
      const bool is_final = event.what == Kind::kLeave || lasts == Duration::zero();
      if (is_final) gone_at_[i] = std::min(gone_at_[i], event.at);
      scenario_.faults.push_back({event.what, event.at, i, 0, lasts, event.factor});
      if (event.what != Kind::kKill) disturbing_.push_back(scenario_.faults.back());
      if (event.what == Kind::kKill) ++forecast_.deaths;
    }
    forecast_.events.emplace_back();
    forecast_.events.back().machines = std::move(chosen);
  }

  void add_deaths(std::uint32_t index) {
    const Plan::Machine& machine = plan_.machines[index];
    if (machine.dies_every == Duration::zero()) return;
    Random random(mix_seed(plan_.seed, kDeathSalt, index));
    const double away_s = to_seconds(machine.away) + copies_s(plan_, machine);
    double at_s = exponential(random) * to_seconds(machine.dies_every);
    const double end_s = std::min(to_seconds(plan_.lasts), to_seconds(gone_at_[index]));
    for (; at_s < end_s; at_s += away_s + exponential(random) * to_seconds(machine.dies_every)) {
      scenario_.faults.push_back(
          {Kind::kKill, from_seconds(at_s), index, 0, from_seconds(std::max(away_s, 1e-3)), 1});
      ++forecast_.deaths;
    }
  }

  /// Of what a machine computes when nothing is wrong with it; who is dead is in the sample.
  double part_at(std::uint32_t machine, double at_s) const {
    double part = 1;
    for (const SwarmFault& fault : disturbing_) {
      const bool is_over = fault.kind != Kind::kLeave && at_s >= to_seconds(fault.at + fault.lasts);
      if (fault.target != machine || at_s < to_seconds(fault.at) || is_over) continue;
      part = fault.kind == Kind::kSlow ? part / fault.factor : 0;
    }
    return part;
  }

  void take(const SwarmSample& sample) {
    const double at_s = to_seconds(sample.at.time_since_epoch());
    std::vector<double> possible(plan_.stages, 0);
    if (at_s < kWarmUp * to_seconds(plan_.lasts) || at_s_.empty()) {
      warm_s_ = at_s;
      warm_moments_ = 0;
      possible_.assign(plan_.stages, 0);
      used_.assign(plan_.stages, 0);
    }
    std::uint64_t trained = 0;
    for (std::uint32_t i = 0; i < sample.hosts.size(); ++i) {
      const SwarmSample::Host& host = sample.hosts[i];
      const std::uint32_t stage = forecast_.stage_of[i];
      if (stage == 0) trained += host.applied;
      const double per_second = plan_.machines[i].per_second * part_at(i, at_s);
      if (host.is_alive) possible[stage] += per_second;
      if (warm_moments_ > 0)
        used_[stage] += per_second * to_seconds(host.busy - last_.hosts[i].busy);
    }
    for (std::uint32_t stage = 0; stage < plan_.stages; ++stage)
      possible_[stage] += possible[stage];
    ++warm_moments_;
    last_ = sample;
    at_s_.push_back(at_s);
    trained_.push_back(trained);
    forecast_.moments.push_back({at_s, 0, *std::ranges::min_element(possible)});
  }

  std::size_t index_at(double at_s) const {
    const auto found = std::ranges::lower_bound(at_s_, at_s);
    return std::min<std::size_t>(static_cast<std::size_t>(found - at_s_.begin()), at_s_.size() - 1);
  }
  double rate_between(double from_s, double to_s) const {
    const std::size_t from = index_at(std::max(from_s, 0.0));
    const std::size_t to = index_at(to_s);
    if (to <= from) return 0;
    return static_cast<double>(trained_[to] - trained_[from]) / (at_s_[to] - at_s_[from]);
  }

  void conclude() {
    if (at_s_.size() < 2) return;
    forecast_.microbatches = trained_.back();
    forecast_.rate = rate_between(warm_s_, at_s_.back());
    conclude_stages(at_s_.back() - warm_s_);
    const double look_s = std::max({kLeastLook_s, kLeastMoments * (at_s_[1] - at_s_[0]),
                                    kLookMicrobatches / std::max(forecast_.rate, 1e-9)});
    for (Forecast::Moment& moment : forecast_.moments) {
      moment.rate = rate_between(moment.at_s - look_s / 2, moment.at_s + look_s / 2);
    }
    for (std::size_t i = 0; i < forecast_.events.size(); ++i) {
      conclude_event(plan_.events[i], forecast_.events[i], look_s);
    }
  }

  void conclude_stages(double seconds) {
    forecast_.stages.assign(plan_.stages, {});
    std::vector<std::uint32_t> up(plan_.stages, 0);
    for (std::uint32_t i = 0; i < last_.hosts.size(); ++i) {
      const std::uint32_t stage = forecast_.stage_of[i];
      Forecast::Stage& figures = forecast_.stages[stage];
      ++figures.machines;
      if (!last_.hosts[i].is_alive) continue;
      ++up[stage];
      figures.staleness += last_.hosts[i].staleness;
    }
    for (std::uint32_t stage = 0; stage < plan_.stages; ++stage) {
      Forecast::Stage& figures = forecast_.stages[stage];
      figures.possible = possible_[stage] / std::max(warm_moments_, 1);
      figures.busy =
          figures.possible > 0 ? std::min(1.0, used_[stage] / (figures.possible * seconds)) : 0;
      figures.staleness /= std::max(up[stage], 1U);
      if (figures.possible < forecast_.stages[forecast_.slowest].possible) {
        forecast_.slowest = stage;
      }
    }
    double possible = 0;
    std::size_t count = 0;
    for (const Forecast::Moment& moment : forecast_.moments) {
      if (moment.at_s < kWarmUp * to_seconds(plan_.lasts)) continue;
      possible += moment.possible;
      ++count;
    }
    forecast_.possible = count > 0 ? possible / static_cast<double>(count) : 0;
  }

  /// Where all machines are there.
  double possible_at_first() const {
    std::vector<double> possible(plan_.stages, 0);
    for (std::uint32_t i = 0; i < plan_.machines.size(); ++i)
      possible[forecast_.stage_of[i]] += plan_.machines[i].per_second;
    return *std::ranges::min_element(possible);
  }

  void conclude_event(const Plan::Event& event, Forecast::Outcome& outcome, double look_s) const {
    const double at_s = to_seconds(event.at);
    const std::size_t then = index_at(at_s);
    const double possible_before =
        then > 0 ? forecast_.moments[then - 1].possible : possible_at_first();
    const double possible_after = forecast_.moments[std::min(then + 1, at_s_.size() - 1)].possible;
    outcome.possible = possible_before > 0 ? possible_after / possible_before : 1;
    if (at_s >= look_s) outcome.before = rate_between(at_s - 3 * look_s, at_s);
    const double used = possible_before > 0 ? outcome.before / possible_before : 0;
    for (std::size_t i = then; i < at_s_.size() && at_s_[i] + look_s <= at_s_.back(); ++i) {
      const double wanted = kRecovered * std::min(used, 1.0) * forecast_.moments[i].possible;
      if (wanted <= 0 || rate_between(at_s_[i], at_s_[i] + look_s) < wanted) continue;
      outcome.recovered_s = at_s_[i] - at_s_[then];
      break;
    }
    const double watch_s = at_s + std::max(10 * look_s, to_seconds(event.lasts));
    std::size_t since = then;
    for (std::size_t i = then; i < at_s_.size() && at_s_[i] <= watch_s; ++i) {
      if (trained_[i] > trained_[since]) since = i;
      outcome.stood_still_s = std::max(outcome.stood_still_s, at_s_[i] - at_s_[since]);
    }
  }

  const Plan& plan_;
  SwarmScenario scenario_;
  Forecast forecast_;
  std::vector<Duration> gone_at_;       // of each machine: when it dies or leaves for good
  std::vector<SwarmFault> disturbing_;  // that leave a machine alive
  std::vector<double> at_s_;            // of each sample
  std::vector<std::uint64_t> trained_;
  SwarmSample last_;
  double warm_s_ = 0;             // where means begin
  std::vector<double> possible_;  // sums since then, by stage
  std::vector<double> used_;
  int warm_moments_ = 0;
};

}  // namespace

std::vector<std::uint32_t> place(const Plan& plan) {
  std::vector<std::uint32_t> stage_of(plan.machines.size(), 0);
  std::vector<double> possible(plan.stages, 0);
  Chosen open;
  for (std::uint32_t i = 0; i < plan.machines.size(); ++i) {
    const Plan::Machine& machine = plan.machines[i];
    if (!machine.stage) {
      open.push_back(i);
      continue;
    }
    stage_of[i] = *machine.stage;
    possible[*machine.stage] += machine.per_second;
  }
  std::ranges::stable_sort(open, std::ranges::greater{},
                           [&](std::uint32_t i) { return plan.machines[i].per_second; });
  for (const std::uint32_t i : open) {
    const auto least = std::ranges::min_element(possible);
    stage_of[i] = static_cast<std::uint32_t>(least - possible.begin());
    *least += plan.machines[i].per_second;
  }
  return stage_of;
}

Forecast forecast(const Plan& plan, const ForecastOptions& options) {
  return Forecaster(plan).run(options);
}

}  // namespace brigade::sim
