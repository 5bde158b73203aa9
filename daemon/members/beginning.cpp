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
  if (const std::string lacks = setup_.lacks(); !lacks.empty()) {
    waiting_for_ = lacks;
    return;
  }
  if (begun_with_) spoilt_.insert(*std::exchange(begun_with_, std::nullopt));
  if (const auto donor = std::exchange(copied_from_, std::nullopt))
    setup_.blame(*donor, "its file is sound, and what it holds can't be restored");
  const StateInSwarm state = look_();
  // Who was just met may not have told all yet.
  const bool had_met = std::exchange(has_met_, state.has_met);
  if (!(had_met && state.has_met) && core_now() - started_at_ < kAlone) return;
  const std::vector<Donor> askable = find_ways(state.donors, open_way_);
  timer_.cancel();  // their answers come first
  asio::post(thread_, [this, askable, state] {
    auto offered = ask_what_they_have(askable, setup_.stage, setup_.identity, setup_.most_bytes);
    asio::post(core_, [this, state, offered = std::move(offered)] {
      if (!is_stopped_) choose(offered, state);
    });
  });
}

void Beginning::choose(const std::vector<Offered>& offered, const StateInSwarm& state) {
  const auto own = newest_own();
  for (const Offered& one : offered) {  // the newest first
    const bool is_newer = !own || own->position < one.checkpoint.position;
    const bool is_bad =
        spoilt_.contains(one.checkpoint) || bad_.contains({one.donor.node, one.checkpoint});
    if (is_newer && !is_bad) return copy(one);
  }
  again();
  if (!offered.empty() || !state.lives) stuck_since_.reset();
  // Others have trained on, and none of them can be asked now.
  if (offered.empty() && state.lives) {
    if (!stuck_since_) stuck_since_ = core_now();
    waiting_for_ = "a node with the weights of this stage that can be reached";
    if (core_now() - *stuck_since_ < kPatience) return;
  }
  if (own) return begin_with(*own);
  if (!state.has_trained && offered.empty()) return begin_with({});
  waiting_for_ = "a node that has the weights of this stage: nobody who is here gives them";
}

void Beginning::begin_with(const swarm::CheckpointId& checkpoint,
                           const std::optional<NodeId>& copied_from) {
  waiting_for_.clear();
  copied_from_ = copied_from;
  begun_with_ = checkpoint;
  setup_.start_from(checkpoint);
}

void Beginning::note_bad(const Offered& offered, const Error& why) {
  if (is_a_lie(why)) setup_.blame(offered.donor.node, why.message);
  constexpr std::size_t kMost = 1024;
  if (bad_.size() == kMost) bad_.clear();
  bad_.emplace(offered.donor.node, offered.checkpoint);
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
    asio::post(core_, [this, offered, fetched, file] {
      if (is_stopped_) return;
      if (fetched.has_error()) {
        spdlog::info("the weights can't be copied now: {}", fetched.error().message);
        if (fetched.error().code == ErrorCode::kProtocol) note_bad(offered, fetched.error());
        return again();
      }
      setup_.take_in(offered.checkpoint, file, [this, offered](const Result<>& taken) {
        again();
        if (taken.has_error()) return note_bad(offered, taken.error());
        if (setup_.is_waiting()) begin_with(offered.checkpoint, offered.donor.node);
      });
    });
  });
}

}  // namespace brigade::daemon
