#include "daemon/members/beginning.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "base/figures.hpp"
#include "daemon/core_clock.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
namespace fs = std::filesystem;

Beginning::~Beginning() {
  stop();
  thread_.join();
}

void Beginning::start(std::function<StateInSwarm()> look, OpenWay open_way) {
  look_ = std::move(look);
  open_way_ = std::move(open_way);
  started_at_ = core_now();
  waiting_for_ = "members to tell what there is of this stage";
  again();
}

void Beginning::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void Beginning::again() {
  if (is_stopped_) return;
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !is_stopped_) look();
  });
}

bool Beginning::is_out_of_patience() const {
  return core_now() - started_at_ > kPatience;
}

std::optional<swarm::CheckpointId> Beginning::newest_own() const {
  std::optional<swarm::CheckpointId> newest;
  for (const HeldCheckpoint& one : setup_.own()) {
    if (spoilt_.contains(one.checkpoint)) continue;
    if (!newest || newest->position < one.checkpoint.position) newest = one.checkpoint;
  }
  return newest;
}

void Beginning::look() {
  again();  // training may find that what it began with can't be restored
  if (!setup_.is_waiting()) return;
  if (begun_with_) spoilt_.insert(*std::exchange(begun_with_, std::nullopt));
  const StateInSwarm state = look_();
  // Who was just met may not have told all yet.
  const bool had_met = std::exchange(has_met_, state.has_met);
  if (!(had_met && state.has_met) && core_now() - started_at_ < kAlone) return;
  const std::vector<Donor> askable = find_ways(state.donors, open_way_);
  if (state.lives && askable.empty() && !is_out_of_patience()) {
    waiting_for_ = "a node with the weights of this stage that can be reached";
    return;
  }
  timer_.cancel();  // their answers come first
  asio::post(thread_, [this, askable, state] {
    auto offered = ask_what_they_have(askable, setup_.stage, setup_.identity);
    asio::post(core_, [this, state, offered = std::move(offered)]() mutable {
      std::erase_if(offered, [&](const Offered& one) { return spoilt_.contains(one.checkpoint); });
      if (!is_stopped_) choose(offered, state);
    });
  });
}

void Beginning::choose(const std::vector<Offered>& offered, const StateInSwarm& state) {
  const auto own = newest_own();
  const bool is_newer =
      !offered.empty() && (!own || own->position < offered.front().checkpoint.position);
  if (is_newer && !is_out_of_patience()) return copy(offered.front());
  again();
  if (own) return begin_with(*own);
  // Where the stage lives, averaging brings this node to where the others are.
  if (!state.has_trained || (state.lives && is_out_of_patience())) return begin_with({});
  waiting_for_ = "a node that has the weights of this stage: nobody who is here has them";
}

void Beginning::begin_with(const swarm::CheckpointId& checkpoint) {
  waiting_for_.clear();
  begun_with_ = checkpoint;
  setup_.start_from(checkpoint);
}

void Beginning::copy(const Offered& offered) {
  waiting_for_ = fmt::format("a copy of the weights from node {}, {}", to_short(offered.donor.node),
                             in_bytes(offered.bytes));
  spdlog::info("copies from={} position={} bytes={}", to_short(offered.donor.node),
               offered.checkpoint.position, offered.bytes);
  // Not a checkpoint's name: whatever is left of it goes at the next start.
  const fs::path file =
      setup_.folder / fmt::format("copy-{:012}-e{}.safetensors.tmp", offered.checkpoint.position,
                                  offered.checkpoint.epoch.value());
  asio::post(thread_, [this, offered, file] {
    const auto fetched = fetch(offered, setup_.stage, file, is_stopped_);
    asio::post(core_, [this, id = offered.checkpoint, fetched, file] {
      if (is_stopped_) return;
      if (fetched.has_error()) {
        spdlog::info("the weights can't be copied now: {}", fetched.error().message);
        return again();
      }
      setup_.take_in(id, file, [this, id](bool is_sound) {
        again();
        if (is_sound && setup_.is_waiting()) begin_with(id);
      });
    });
  });
}

}  // namespace brigade::daemon
