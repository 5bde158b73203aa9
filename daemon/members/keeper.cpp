#include "daemon/members/keeper.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "base/ids.hpp"
#include "daemon/core_clock.hpp"
#include "swarm/membership/record.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

constexpr char kPrefix[] = "stage-";

std::optional<StageIndex> stage_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string number = name.substr(std::strlen(kPrefix));
  const bool is_number = !number.empty() && number.size() < 8 &&
                         number.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) return std::nullopt;
  return StageIndex(static_cast<std::uint32_t>(std::stoul(number)));
}

}  // namespace

std::uint64_t Keeper::rank_of(const NodeId& node, StageIndex stage) {
  const std::uint64_t prefix = swarm::membership::prefix_of(node);
  return mix64(prefix ^ mix64(std::uint64_t{stage.value()} + 1));
}

Keeper::~Keeper() {
  stop();
  thread_.join();
}

void Keeper::start(std::function<std::map<StageIndex, std::vector<Donor>>()> wanted,
                   OpenWay open_way) {
  wanted_ = std::move(wanted);
  open_way_ = std::move(open_way);
  scan();
}

void Keeper::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

std::vector<HeldCheckpoint> Keeper::held(StageIndex stage) const {
  const auto found = kept_.find(stage);
  if (found == kept_.end()) return {};
  return {found->second.newest};
}

fs::path Keeper::folder_of(const fs::path& keeps, StageIndex stage) {
  return keeps / fmt::format("{}{}", kPrefix, stage.value());
}

/// What was kept before this start; what is damaged goes.
void Keeper::scan() {
  asio::post(thread_, [this] {
    std::error_code failure;
    for (const fs::path& folder : files_in(setup_.folder, failure)) {
      const auto stage = stage_of(folder);
      if (!stage) continue;
      for (const fs::path& file : files_in(folder, failure)) {
        if (is_stopped_) return;
        const auto checkpoint = setup_.verify(*stage, file);
        if (checkpoint.has_value()) {
          asio::post(core_, [this, stage = *stage, taken = HeldCheckpoint{*checkpoint, file}] {
            note(stage, taken);
          });
        } else if (checkpoint.error().code == ErrorCode::kCorrupt) {
          fs::remove(file, failure);
        }
      }
    }
    asio::post(core_, [this] { again(); });
  });
}

void Keeper::note(StageIndex stage, const HeldCheckpoint& taken) {
  const auto [place, is_new] = kept_.try_emplace(stage, Kept{taken, core_now()});
  if (is_new) return;
  HeldCheckpoint old = taken;
  if (place->second.newest.checkpoint.position <= taken.checkpoint.position)
    old = std::exchange(place->second.newest, taken);
  if (old.path == place->second.newest.path) return;
  asio::post(thread_, [path = old.path] {
    std::error_code ignored;
    fs::remove(path, ignored);
  });
}

void Keeper::again() {
  if (is_stopped_) return;
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !is_stopped_) look();
  });
}

void Keeper::look() {
  const auto wanted = wanted_();
  const TimePoint now = core_now();
  for (const auto& [stage, donors] : wanted)
    if (const auto kept = kept_.find(stage); kept != kept_.end()) kept->second.wanted_at = now;
  let_go(now);
  auto turn = wanted.lower_bound(next_);
  if (turn == wanted.end()) turn = wanted.begin();
  if (turn == wanted.end() || turn->second.empty()) {
    next_ = turn == wanted.end() ? StageIndex{} : turn->first.next();
    return again();
  }
  next_ = turn->first.next();
  copy(turn->first, find_ways(turn->second, open_way_));
}

void Keeper::let_go(TimePoint now) {
  std::erase_if(kept_, [&](const auto& entry) {
    if (now - entry.second.wanted_at < kLetGo) return false;
    asio::post(thread_, [folder = folder_of(setup_.folder, entry.first)] {
      std::error_code ignored;
      fs::remove_all(folder, ignored);
    });
    return true;
  });
}

void Keeper::copy(StageIndex stage, const std::vector<Donor>& donors) {
  const auto kept = kept_.find(stage);
  const std::uint64_t beyond = kept == kept_.end() ? 0 : kept->second.newest.checkpoint.position;
  asio::post(thread_, [this, stage, donors, beyond] {
    std::optional<NodeId> liar;
    const auto work = [&]() -> Result<std::optional<HeldCheckpoint>> {
      const auto offered = ask_what_they_have(donors, stage, setup_.identity, setup_.most_bytes);
      if (offered.empty() || offered.front().checkpoint.position <= beyond)
        return std::optional<HeldCheckpoint>();
      const fs::path folder = folder_of(setup_.folder, stage);
      std::error_code failure;
      fs::create_directories(folder, failure);
      const fs::path file = folder / checkpoint_file_name(offered.front().checkpoint);
      const NodeId& donor = offered.front().donor.node;
      const auto fetched = fetch(offered.front(), stage, file, is_stopped_, kBytesASecond);
      if (fetched.has_error() && fetched.error().code == ErrorCode::kProtocol) liar = donor;
      BRIGADE_TRY(fetched);
      const auto checkpoint = setup_.verify(stage, file);
      if (checkpoint.has_error() || *checkpoint != offered.front().checkpoint) {
        fs::remove(file, failure);
        if (!checkpoint.has_error() || is_a_lie(checkpoint.error())) liar = donor;
        return make_error(ErrorCode::kCorrupt,
                          checkpoint.has_error()
                              ? checkpoint.error().message
                              : "it is another checkpoint than the one asked for");
      }
      return std::optional(HeldCheckpoint{*checkpoint, file});
    };
    auto taken = work();
    asio::post(core_, [this, stage, liar, taken = std::move(taken)] {
      if (is_stopped_) return;
      if (liar) setup_.blame(*liar, taken.error().message);
      if (taken.has_error()) {
        const std::string line = fmt::format("no copy of stage {} can be kept now: {}",
                                             stage.value(), taken.error().message);
        if (std::exchange(told_, line) != line) spdlog::info("{}", line);
      } else if (*taken) {
        spdlog::info("keeps stage={} position={}", stage.value(), (*taken)->checkpoint.position);
        note(stage, **taken);
      }
      again();
    });
  });
}

}  // namespace brigade::daemon
