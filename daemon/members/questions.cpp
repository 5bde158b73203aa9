// What this node answers to those who ask, and what it asks itself: who may come in, who can be
// dialled, who passes on, who may copy.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/host_port.hpp"
#include "daemon/core_clock.hpp"
#include "daemon/grpc_ask.hpp"
#include "daemon/members/members.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
namespace membership = swarm::membership;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr std::size_t kMostReaches = 8;  // tried for others at once
constexpr milliseconds kReachLimit{3'000};
constexpr milliseconds kAskLimit{8'000};
constexpr Duration kReachAgain = seconds{15};    // nobody could be asked, or nobody got through
constexpr Duration kReachRecheck = minutes{10};  // a router may forget what it promised
constexpr std::size_t kMostAnswers = 16;
constexpr std::size_t kMostAsked = 4;          // for copies, at once
constexpr std::size_t kMostKeepersAsked = 16;  // of a stage without anybody

}  // namespace

Door::Inside Members::inside() {
  Door::Inside inside;
  const TimePoint now = core_now();
  for (std::uint32_t stage = 0; stage < stages_; ++stage)
    inside.replicas.push_back(membership_.summary(now, StageIndex(stage)).serving);
  for (const MemberInfo& member : list()) {
    if (inside.records.size() == Door::kMostRecords) break;
    if (member.record->can_be_dialled && member.standing == membership::Standing::kAlive)
      inside.records.push_back(notary_.bytes_of(member.record));
  }
  return inside;
}

void Members::on_question(const Question& question) {
  if (has_left_) return;
  if (question.kind == Asks::kReach) return answer_reach(question);
  if (question.kind != Asks::kEnter) return answer_member(question);
  auto answer = door_.enter(core_now(), now_unix_s(), question, [this] { return inside(); });
  if (answer.has_error()) {
    const auto line =
        strangers_.admit(fmt::format("turned node {} away at the door: {}",
                                     to_short(question.asker), answer.error().message),
                         WarningBudget::Clock::now());
    if (line) report_(Warned{*line});
  }
  question.answer(std::move(answer));
}

/// Members may copy what this node has of its stage, and what it keeps of others.
void Members::answer_member(const Question& question) {
  if (membership_.view().present(question.asker) == nullptr)
    return question.answer(make_error(ErrorCode::kBadInput, "not a member that this node knows"));
  if (answers_ >= kMostAnswers)
    return question.answer(make_error(ErrorCode::kUnavailable, "ask again later"));
  std::vector<HeldCheckpoint> held;
  if (question.kind != Asks::kData) {
    const auto stage = stage_asked_for(question.kind, question.bytes);
    if (stage.has_error()) return question.answer(stage.error());
    held = *stage == stage_ ? setup_.beginning.own() : keeper_.held(*stage);
  }
  ++answers_;
  asio::post(reader_, [this, question, held = std::move(held)] {
    switch (question.kind) {
      case Asks::kData:
        question.answer(data_answer(question.bytes, shelf_.files()));
        break;
      case Asks::kCheckpoints:
        question.answer(checkpoints_answer(held));
        break;
      default:
        question.answer(piece_answer(question.bytes, held));
    }
    asio::post(core_, [this] { --answers_; });
  });
}

/// What it gave costs a whole copy to find out, and no accident of the network looks like it: once
/// is enough.
void Members::accuse(const NodeId& donor, const std::string& why) {
  report_(swarm::Misbehaved{donor, "a checkpoint that is not what it says", why, Conduct::kGrave});
}

bool Members::is_quarantined(const NodeId& node) const {
  return conduct_.quarantine_of(core_now(), node).has_value();
}

BeginningSetup Members::beginning_setup() {
  BeginningSetup setup = setup_.beginning;
  setup.blame = [this](const NodeId& donor, const std::string& why) { accuse(donor, why); };
  return setup;
}

KeeperSetup Members::keeper_setup() {
  KeeperSetup setup = setup_.keeper;
  setup.blame = [this](const NodeId& donor, const std::string& why) { accuse(donor, why); };
  return setup;
}

/// Nodes of that stage that have its state: those that can be dialled, else through others.
std::vector<Donor> Members::donors_of(StageIndex stage) const {
  std::vector<Donor> donors;
  std::vector<membership::RecordPtr> out_of_reach;
  for (const MemberInfo& member : list()) {
    const membership::NodeRecord& record = *member.record;
    if (member.is_self || !record.has_state || record.stage != stage) continue;
    if (is_quarantined(record.id)) continue;
    if (record.can_be_dialled && !record.addresses.empty()) {
      donors.push_back({record.id, record.addresses.front(), {}});
    } else {
      out_of_reach.push_back(member.record);
    }
  }
  if (!donors.empty()) return donors;
  for (const membership::RecordPtr& record : out_of_reach) {
    const std::vector<RelayAddress> relays = relays_to(*record);
    donors.push_back(
        {record->id, {}, relays.empty() ? std::nullopt : std::optional(relays.front())});
  }
  return donors;
}

std::vector<NodeId> Members::successors() const {
  std::vector<NodeId> found;
  for (const MemberInfo& member : list()) {
    const membership::NodeRecord& record = *member.record;
    const bool trains_on = record.doing == membership::Doing::kServing && record.has_state &&
                           member.standing == membership::Standing::kAlive;
    if (!member.is_self && trains_on && record.stage == stage_) found.push_back(record.id);
  }
  return found;
}

void Members::find_copies(std::function<void(const std::vector<Offered>&)> done) {
  std::vector<Donor> asked = donors_of(stage_);
  if (asked.size() > kMostAsked) asked.resize(kMostAsked);
  std::vector<Donor> keepers = keepers_of(stage_);
  if (keepers.size() > kMostAsked) keepers.resize(kMostAsked);
  std::ranges::move(keepers, std::back_inserter(asked));
  std::erase_if(asked, [this](const Donor& donor) {  // who rests may be on its way out too
    const membership::View::Member* member = membership_.view().present(donor.node);
    return member == nullptr || member->record->doing == membership::Doing::kLeaving ||
           member->record->doing == membership::Doing::kDrained;
  });
  asked = find_ways(asked, [this](const NodeId& node, const RelayAddress& relay) {
    return transport_->open_way(node, relay);
  });
  asio::post(asker_, [this, asked, done = std::move(done)] {
    auto found = ask_what_they_have(asked, stage_, setup_.identity, setup_.beginning.most_bytes);
    asio::post(core_, [this, done, found = std::move(found)] {
      if (!has_left_) done(found);
    });
  });
}

/// Those of the stages beside it that may keep its state, who keeps it first.
std::vector<Donor> Members::keepers_of(StageIndex stage) const {
  std::map<std::uint64_t, Donor> ranked;
  for (const MemberInfo& member : list()) {
    const membership::NodeRecord& record = *member.record;
    const bool is_beside =
        record.stage && (record.stage->next() == stage || stage.next() == *record.stage);
    if (!is_beside || !record.can_be_dialled || record.addresses.empty()) continue;
    if (is_quarantined(record.id)) continue;
    ranked.emplace(Keeper::rank_of(record.id, stage),
                   Donor{record.id, record.addresses.front(), {}});
  }
  std::vector<Donor> keepers;
  for (auto& [rank, donor] : ranked) keepers.push_back(std::move(donor));
  return keepers;
}

bool Members::keeps(StageIndex stage) const {
  const auto keepers = keepers_of(stage);
  const auto own = std::ranges::find(keepers, setup_.identity.id, &Donor::node);
  return own != keepers.end() && own - keepers.begin() < std::ptrdiff_t{Keeper::kCopies};
}

/// Heads have the data, and those that keep the first stage; at the beginning the owner's node,
/// wherever it trains.
DataShelf::Sources Members::data_sources() {
  const StageIndex first{0};
  DataShelf::Sources sources;
  sources.is_wanted = stage_ == first || (neighbours_.trains_with(first) && keeps(first));
  if (!sources.is_wanted) return sources;
  sources.donors = donors_of(first);
  if (sources.donors.size() > kMostAsked) sources.donors.resize(kMostAsked);
  std::vector<Donor> keepers = keepers_of(first);
  if (keepers.size() > kMostAsked) keepers.resize(kMostAsked);
  std::ranges::move(keepers, std::back_inserter(sources.donors));
  const std::vector<MemberInfo> all = list();
  for (std::size_t i = 0; i < std::min(all.size(), kMostAsked); ++i) {
    const membership::NodeRecord& record = *all[next_asked_++ % all.size()].record;
    if (record.can_be_dialled && !record.addresses.empty())
      sources.donors.push_back({record.id, record.addresses.front(), {}});
  }
  std::erase_if(sources.donors,
                [this](const Donor& donor) { return donor.node == setup_.identity.id; });
  return sources;
}

std::map<StageIndex, std::vector<Donor>> Members::stages_to_keep() const {
  std::map<StageIndex, std::vector<Donor>> wanted;
  for (std::uint32_t other = 0; other < stages_; ++other) {
    const StageIndex stage(other);
    if (stage == stage_ || !neighbours_.trains_with(stage)) continue;
    const auto keepers = keepers_of(stage);
    std::vector<Donor> donors = donors_of(stage);
    if (!keeps(stage) && !donors.empty()) continue;
    // Of a stage without anybody, from others that keep it.
    if (donors.empty())
      std::ranges::copy_if(keepers, std::back_inserter(donors),
                           [this](const Donor& donor) { return donor.node != setup_.identity.id; });
    if (donors.size() > kMostAsked) donors.resize(kMostAsked);
    wanted.emplace(stage, std::move(donors));
  }
  return wanted;
}

StateInSwarm Members::state_in_swarm() const {
  StateInSwarm state;
  state.has_met = setup_.entry.doors.empty();
  for (const MemberInfo& member : list()) {
    state.has_met = state.has_met || !member.is_self;
    state.has_trained = state.has_trained || (!member.is_self && member.record->has_state);
  }
  state.donors = donors_of(stage_);
  state.lives = !state.donors.empty();
  if (state.donors.size() > kMostAsked) state.donors.resize(kMostAsked);
  // Who joined since may be before those that keep the copy.
  std::vector<Donor> keepers = keepers_of(stage_);
  const std::size_t most = state.lives ? 2 * Keeper::kCopies : kMostKeepersAsked;
  if (keepers.size() > most) keepers.resize(most);
  state.donors.insert(state.donors.end(), keepers.begin(), keepers.end());
  return state;
}

void Members::answer_reach(const Question& question) {
  const auto port = read_reach_question(question.bytes);
  if (port.has_error()) return question.answer(port.error());
  if (question.host.empty() || membership_.view().present(question.asker) == nullptr)
    return question.answer(make_error(ErrorCode::kBadInput, "not a member that this node knows"));
  if (reaches_ >= kMostReaches)
    return question.answer(make_error(ErrorCode::kUnavailable, "ask another member"));
  ++reaches_;
  asio::post(asker_, [this, question, address = fmt::format("{}:{}", question.host, *port)] {
    const bool can = can_be_reached(address, setup_.identity, question.asker, kReachLimit);
    question.answer(reach_answer({address, can}));
    asio::post(core_, [this] { --reaches_; });
  });
}

void Members::arm_reach_timer(Duration after) {
  reach_timer_.expires_after(after);
  reach_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) find_reach();
  });
}

/// Asks one of those that this node dialled: it has dialled them, so they can be asked.
void Members::find_reach() {
  if (port_ == 0 || !setup_.announce.empty() || has_left_) return;
  std::vector<membership::RecordPtr> askable;
  for (const MemberInfo& member : list())
    if (member.is_linked && member.record->can_be_dialled) askable.push_back(member.record);
  if (askable.empty()) return arm_reach_timer(kFirstReach);
  const auto pick = static_cast<std::size_t>(core_now().time_since_epoch().count() / 1'000'000);
  const membership::RecordPtr asked = askable[pick % askable.size()];
  const std::uint16_t port = port_to_try();
  asio::post(asker_, [this, asked, port] {
    auto answer = ask(asked->addresses.front(), setup_.identity, asked->id, Asks::kReach,
                      reach_question(port), kAskLimit);
    asio::post(core_, [this, port, answer = std::move(answer)] {
      if (has_left_) return;
      const auto reached =
          answer.has_value() ? read_reached(*answer) : Result<Reached>(answer.error());
      // An address of another port is not this node's.
      const bool is_own = reached.has_value() && is_host_port(reached->address) &&
                          reached->address.ends_with(fmt::format(":{}", port));
      const bool can = is_own && reached->can_be_dialled;
      if (is_own) {
        if (is_reachable_ != can)
          spdlog::info("reach can_be_dialled={} address={}", can ? "yes" : "no", reached->address);
        is_reachable_ = can;
        handle(membership::ReachChanged{can, {reached->address}});
      }
      tries_mapped_ = mapped_port_ && (port == port_) != can;
      arm_reach_timer(can ? kReachRecheck : kReachAgain);
    });
  });
}

Result<> Members::may_relay(const NodeId& caller, const NodeId& callee) const {
  if (has_left_ || membership_.view().present(caller) == nullptr) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{} is no member that this node knows", to_short(caller)));
  }
  spdlog::info("relays from={} to={}", to_short(caller), to_short(callee));
  return {};
}

}  // namespace brigade::daemon
