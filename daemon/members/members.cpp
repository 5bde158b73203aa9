#include "daemon/members/members.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/check.hpp"
#include "daemon/address.hpp"
#include "daemon/core_clock.hpp"
#include "daemon/members/book.hpp"
#include "daemon/members/gossip.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
namespace membership = swarm::membership;
using std::chrono::seconds;

namespace {

constexpr Duration kBookEvery = seconds{30};

membership::Options to_options(const Members::Setup& setup) {
  membership::Options options;
  options.self = setup.identity.id;
  options.incarnation = membership::Incarnation(setup.now_unix_s);
  options.stages = setup.entry.swarm.stages;
  if (!setup.announce.empty()) {
    options.can_be_dialled = true;
    options.addresses = {setup.announce};
  }
  options.memory_bytes = setup.memory_bytes;
  options.seed = mix64(membership::prefix_of(setup.identity.id) ^ setup.now_unix_s);
  return options;
}

Notary::Setup to_notary(const Members::Setup& setup) {
  auto key = trust::SigningKey::from_pem(setup.identity.private_key_pem);
  BRIGADE_CHECK(key.has_value(), "an identity without its key");
  return {std::make_shared<const trust::SigningKey>(std::move(*key)),
          setup.entry.description.origin, setup.entry.invite, setup.entry.swarm.stages,
          setup.entry.revocations};
}

}  // namespace

Members::Members(asio::io_context& core, Setup setup, std::function<void(const Report&)> report)
    : core_(core),
      setup_(std::move(setup)),
      report_(std::move(report)),
      notary_(to_notary(setup_)),
      door_(setup_.entry.description_bytes, notary_, !setup_.entry.description.data.empty()),
      membership_(to_options(setup_), core_now()),
      timer_(core.get_executor(), [this] { handle(membership::Tick{}); }),
      reach_timer_(core),
      book_timer_(core),
      meet_timer_(core),
      is_reachable_(setup_.announce.empty() ? std::nullopt : std::optional(true)),
      beginning_(core, beginning_setup()),
      keeper_(core, keeper_setup()),
      shelf_(core, setup_.data),
      knocked_(core_now()),
      stage_(setup_.entry.stage),
      stages_(setup_.entry.swarm.stages),
      neighbours_(setup_.identity.id, stage_),
      mover_(setup_.identity.id, stage_, core_now(), !setup_.entry.description.data.empty()) {
  if (setup_.is_drained) rests_ = membership::Doing::kDrained;
}

Members::~Members() {
  asker_.join();
  reader_.join();
}

TransportCallbacks Members::callbacks_around(TransportCallbacks training) {
  training_ = std::move(training);
  TransportCallbacks callbacks = training_;
  callbacks.own_record = [this] { return notary_.bytes_of(membership_.status(core_now()).self); };
  callbacks.admit = [this](const NodeId& peer, const std::string& record) -> Result<> {
    if (const auto reason = conduct_.quarantine_of(core_now(), peer))
      return make_error(ErrorCode::kBadInput, "quarantined for a while: " + *reason);
    const auto admitted = notary_.admit_record(peer, record, now_unix_s());
    if (admitted.has_error()) return admitted.error();
    return {};
  };
  callbacks.on_link_up = [this](const PeerAddress& peer) { on_link_up(peer); };
  callbacks.on_link_down = [this](const PeerAddress& peer, const std::string& reason,
                                  bool was_closed) { on_link_down(peer, reason, was_closed); };
  callbacks.on_dial_failed = [this](const NodeId& peer, const std::string& reason) {
    spdlog::debug("dial peer={} failed: {}", to_short(peer), reason);
    const bool is_member = membership_.view().present(peer) != nullptr;
    if (is_member) last_errors_[peer] = reason;
    if (relayed_.erase(peer) > 0) return;  // by way of another: no word on the peer itself
    if (is_member) ++failed_dials_[peer];
    handle(membership::DialFailed{peer});
  };
  callbacks.on_gossip = [this](const NodeId& from, const std::string& bytes) {
    on_gossip(from, bytes);
  };
  callbacks.on_misdeed = [this](const NodeId& peer, const std::string& what) {
    // Keys cost nothing: who is not a member has nothing to lose.
    if (membership_.view().present(peer) != nullptr)
      report_(swarm::Misbehaved{peer, "a broken rule of the wire", what});
  };
  callbacks.may_relay = [this](const NodeId& caller, const NodeId& callee) {
    return may_relay(caller, callee);
  };
  callbacks.on_called = [this](const NodeId& caller, const NodeId& relay) {
    if (membership_.view().present(caller) != nullptr)
      called_.insert_or_assign(caller, Relayed{relay, core_now()});
  };
  callbacks.on_question = [this](const Question& question) { on_question(question); };
  callbacks.on_message = [this](const NodeId& from, swarm::Message message,
                                std::optional<PayloadData> payload) {
    const auto link = linked_.find(from);
    if (link != linked_.end() && trains_with(link->second))
      training_.on_message(from, std::move(message), std::move(payload));
  };
  return callbacks;
}

void Members::start(const std::string& listen_address) {
  if (const auto parts = split_address(listen_address); parts.has_value()) port_ = parts->port;
  for (const auto& [node, invite] : setup_.entry.book.admitted) notary_.note_admitted(node, invite);
  has_state_ = !setup_.beginning.own().empty();
  say_what_it_does();
  const auto open_way = [this](const NodeId& node, const RelayAddress& relay) {
    return transport_->open_way(node, relay);
  };
  beginning_.start([this] { return state_in_swarm(); }, open_way);
  keeper_.start([this] { return stages_to_keep(); }, open_way);
  shelf_.start([this] { return data_sources(); }, open_way);
  learn(setup_.entry.records);
  handle(membership::Tick{});
  arm_reach_timer(kFirstReach);
  keep_book();
  meet_neighbours();
  go_outside(listen_address);
}

void Members::note_state() {
  if (has_left_ || has_state_ || setup_.beginning.own().empty()) return;
  has_state_ = true;
  say_what_it_does();
}

void Members::note_misdeed(const swarm::Misbehaved& misdeed) {
  const NodeId& peer = misdeed.peer;
  if (has_left_ || !conduct_.note(core_now(), peer, to_string(misdeed), misdeed.weight)) return;
  const std::string reason = *conduct_.quarantine_of(core_now(), peer);
  report_(Warned{fmt::format(
      "peer {} is quarantined for {} minutes: {}", to_short(peer),
      std::chrono::duration_cast<std::chrono::minutes>(Conduct::kQuarantine).count(), reason)});
  if (!linked_.contains(peer)) return;
  drop(peer, "quarantined for a while: " + reason);
  handle(membership::LinkDown{peer, true});
}

void Members::say_what_it_does() {
  const auto doing =
      target_ ? membership::Doing::kMoving : rests_.value_or(membership::Doing::kServing);
  handle(membership::DoingChanged{doing, stage_, target_.value_or(StageIndex{}), !setup_.may_move,
                                  has_state_});
}

void Members::rest(membership::Doing doing) {
  if (has_left_ || std::exchange(rests_, doing) == doing) return;
  target_.reset();  // it moves nowhere now
  say_what_it_does();
}

void Members::leave() {
  if (std::exchange(has_left_, true)) return;
  beginning_.stop();
  keeper_.stop();
  shelf_.stop();
  if (board_) board_->stop();
  if (mapping_) mapping_->stop();
  membership_.handle(core_now(),
                     membership::DoingChanged{membership::Doing::kGone, stage_, StageIndex{}});
  while (const auto action = membership_.poll_action()) {
    if (const auto* send = std::get_if<membership::Send>(&*action))
      for (std::string& piece : to_gossip(send->message, notary_))
        transport_->send_gossip(send->to, std::move(piece));
  }
  timer_.cancel();
  reach_timer_.cancel();
  book_timer_.cancel();
  meet_timer_.cancel();
  reader_.stop();
  end_questions();
}

// ---- Into the core --------------------------------------------------------------------------

void Members::handle(const Event& event) {
  if (has_left_) return;
  membership_.handle(core_now(), event);
  pump();
}

void Members::learn(const std::vector<std::string>& records) {
  for (const std::string& bytes : records) {
    auto record = notary_.read_record(bytes);
    if (record.has_value() && (*record)->id != setup_.identity.id)
      handle(membership::Learned{std::move(*record)});
  }
}

void Members::on_link_up(const PeerAddress& peer) {
  linked_.insert_or_assign(peer.id, peer);
  failed_dials_.erase(peer.id);
  last_errors_.erase(peer.id);
  const auto called = called_.find(peer.id);  // else it came by another way, later
  const bool is_called = called != called_.end() && !peer.was_dialled &&
                         core_now() - called->second.since < kTunnelLimit;
  if (!is_called) called_.erase(peer.id);
  handle(membership::LinkUp{peer.id, peer.was_dialled});
  if (linked_.contains(peer.id)) say_what_is_revoked(peer.id);
  if (trains_with(peer)) training_.on_link_up(peer);
}

void Members::on_link_down(const PeerAddress& peer, const std::string& reason, bool was_closed) {
  linked_.erase(peer.id);
  relayed_.erase(peer.id);
  if (membership_.view().present(peer.id) != nullptr) last_errors_[peer.id] = reason;
  told_revoked_.erase(peer.id);
  if (trains_with(peer)) training_.on_link_down(peer, reason, was_closed);
  handle(membership::LinkDown{peer.id, was_closed});
}

void Members::on_gossip(const NodeId& from, const std::string& bytes) {
  auto heard = from_gossip(bytes, notary_);
  if (heard.has_error()) return refuse_gossip(from, heard.error());
  handle(membership::Received{from, std::move(heard->message)});
  hear_of_revoked(from, heard->revoked);
}

// ---- Out of the core ------------------------------------------------------------------------

void Members::pump() {
  while (const auto action = membership_.poll_action())
    std::visit([this](const auto& one) { carry_out(one); }, *action);
  timer_.arm(membership_.next_wakeup());
}

void Members::carry_out(const membership::Send& action) {
  for (std::string& piece : to_gossip(action.message, notary_))
    transport_->send_gossip(action.to, std::move(piece));
}

void Members::carry_out(const membership::Dial& action) {
  if (notary_.revocation_of(*action.record) != nullptr) {
    asio::post(core_, [this, node = action.record->id] { handle(membership::DialFailed{node}); });
    return;
  }
  const auto& addresses = action.record->addresses;
  const auto failed = failed_dials_.find(action.record->id);
  const std::size_t next = failed == failed_dials_.end() ? 0 : failed->second;
  spdlog::debug("dial peer={} reason=\"{}\"", to_short(action.record->id), action.reason);
  transport_->dial(action.record->id, addresses[next % addresses.size()]);
}

void Members::carry_out(const membership::Drop& action) {
  drop(action.peer, action.reason);
}

/// Nobody but training is told.
void Members::drop(const NodeId& node, const std::string& reason) {
  const auto linked = linked_.find(node);
  relayed_.erase(node);
  told_revoked_.erase(node);
  transport_->drop(node, reason);
  if (linked == linked_.end()) return;
  const PeerAddress peer = linked->second;
  linked_.erase(linked);
  if (trains_with(peer)) training_.on_link_down(peer, reason, true);
}

void Members::carry_out(const membership::MemberChanged& action) {
  neighbours_.update(action.record, action.standing);
  const bool is_present = action.standing <= membership::Standing::kSuspected;
  if (!is_present) forget(action.record->id);
  const Told told{action.standing, action.record->stage, action.record->doing};
  const auto known = told_.find(action.record->id);
  if (known == told_.end() || !(known->second == told)) report_(action);
  if (is_present) {
    told_.insert_or_assign(action.record->id, told);
  } else {
    told_.erase(action.record->id);
  }
  asio::post(core_, [this] { choose_neighbours(); });
}

void Members::carry_out(const membership::MemberForgotten& action) {
  neighbours_.forget(action.member);
  told_.erase(action.member);
  forget(action.member);
  asio::post(core_, [this] { choose_neighbours(); });
}

/// What is known of the ways to it.
void Members::forget(const NodeId& member) {
  failed_dials_.erase(member);
  last_errors_.erase(member);
  called_.erase(member);
}

void Members::carry_out(const membership::Renewed& action) {
  spdlog::debug("incarnation={} reason=\"{}\"", action.incarnation.value(), action.reason);
}

void Members::carry_out(const membership::Misbehaved& action) {
  report_(swarm::Misbehaved{action.peer, action.what});
}

void Members::carry_out(const membership::RunsTwice&) {
  report_(Failed{make_error(
      ErrorCode::kBadInput,
      fmt::format("another process runs as this node ({}): its key was copied; remove the copy's "
                  "identity file to give it one of its own",
                  to_short(setup_.identity.id)))});
}

// ---- For others -----------------------------------------------------------------------------

std::vector<MemberInfo> Members::list() const {
  std::vector<MemberInfo> members;
  const membership::View& view = membership_.view();
  const NodeId& self = setup_.identity.id;
  members.push_back({membership_.status(core_now()).self, membership::Standing::kAlive, true, false,
                     std::nullopt});
  std::vector<membership::View::Slot> slots;
  for (std::uint32_t stage = 0; stage < stages_; ++stage) view.list(StageIndex(stage), slots);
  for (const auto slot : slots) {
    const membership::View::Member& member = view.at(slot);
    if (member.record->id == self) continue;
    const NodeId& id = member.record->id;
    members.push_back({member.record, member.standing, false, linked_.contains(id), relay_of(id)});
  }
  return members;
}

std::optional<NodeId> Members::relay_of(const NodeId& member) const {
  const auto dialled = relayed_.find(member);
  if (dialled != relayed_.end()) return dialled->second.relay;
  const auto called = called_.find(member);
  if (called == called_.end() || !linked_.contains(member)) return std::nullopt;
  return called->second.relay;
}

MemberTrouble Members::trouble_with(const NodeId& member) const {
  const auto error = last_errors_.find(member);
  return {error == last_errors_.end() ? std::string() : error->second,
          conduct_.account_of(core_now(), member)};
}

const char* Members::reach_status() const {
  if (!setup_.announce.empty()) return "announced";
  if (!is_reachable_) return "unknown";
  return *is_reachable_ ? "yes" : "no";
}

void Members::keep_book() {
  Book book;
  for (const MemberInfo& member : list())
    if (!member.is_self && member.record->can_be_dialled)
      book.records.push_back(notary_.bytes_of(member.record));
  if (book.records.empty()) book.records = setup_.entry.book.records;  // better old ones than none
  book.admitted.assign(notary_.admitted().begin(), notary_.admitted().end());
  asio::post(asker_, [file = setup_.book, book = std::move(book)] {
    if (const auto kept = write_book(file, book); kept.has_error())
      spdlog::warn("the members' book can't be kept: {}", kept.error().message);
  });
  for (const auto& [peer, address] : linked_) say_what_is_revoked(peer);
  book_timer_.expires_after(kBookEvery);
  book_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) keep_book();
  });
}

}  // namespace brigade::daemon
