// Whom the swarm's owner has put out: heard, kept, told on, and held to.
//
// Who knows of revocations says their digest when a link comes up, and now and then, in case one
// got lost. Who knows others answers with all that it knows and its own digest. What is new goes to
// all linked members at once; to those too who are out by it, before their links are closed: so
// they need nobody's word for it.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "daemon/core_clock.hpp"
#include "daemon/grpc_ask.hpp"
#include "daemon/members/members.hpp"

namespace brigade::daemon {

namespace asio = boost::asio;
namespace membership = swarm::membership;

namespace {

constexpr Duration kTellAllPause = std::chrono::seconds{10};  // to one peer
constexpr std::chrono::milliseconds kDoorLimit{3'000};

}  // namespace

Result<control::v1::RevokeResponse> Members::revoke(const control::v1::RevokeRequest& request) {
  if (has_left_) return make_error(ErrorCode::kUnavailable, "this node is ending: ask again");
  std::vector<std::string> news;
  std::optional<Error> failure;
  for (const std::string& bytes : request.revocations()) {
    const auto added = notary_.revoke(bytes);
    if (added.has_error()) {
      failure = added.error();
    } else if (*added) {
      news.push_back(bytes);
    }
  }
  control::v1::RevokeResponse response;
  response.set_added(static_cast<std::uint32_t>(news.size()));
  response.set_told(static_cast<std::uint32_t>(linked_.size()));
  on_revoked(news, std::nullopt);
  if (failure) return *failure;
  return response;
}

void Members::hear_of_revoked(const NodeId& from, const RevokedTold& told) {
  if (has_left_) return;
  std::vector<std::string> news;
  std::optional<Error> lie;
  for (const std::string& bytes : told.revocations) {
    const auto added = notary_.revoke(bytes);
    if (added.has_error() && added.error().code == ErrorCode::kCorrupt) lie = added.error();
    if (lie) break;
    if (added.has_value() && *added) news.push_back(bytes);
  }
  on_revoked(news, from);
  if (lie) return refuse_gossip(from, *lie);
  if (!told.known || !linked_.contains(from)) return;  // it may be out by now
  const trust::Sha256 known = notary_.revocations().digest();
  if (*told.known == known) return;
  const TimePoint now = core_now();
  const auto before = told_revoked_.find(from);
  if (before != told_revoked_.end() && now - before->second < kTellAllPause) return;
  told_revoked_.insert_or_assign(from, now);
  RevokedTold all{{}, known};
  for (const auto& [subject, entry] : notary_.revocations().all())
    all.revocations.push_back(entry.bytes);
  tell_revoked(from, all);
}

void Members::on_revoked(const std::vector<std::string>& news, const std::optional<NodeId>& from) {
  if (news.empty()) return;
  spdlog::info("revocations known={} new={} from={}", notary_.revocations().all().size(),
               news.size(), from ? to_short(*from) : "control");
  for (const auto& [peer, address] : linked_)
    if (peer != from) tell_revoked(peer, {news, std::nullopt});
  put_out_the_revoked();
  keep_revocations();
}

void Members::tell_revoked(const NodeId& to, const RevokedTold& told) {
  for (std::string& piece : to_gossip(told, membership_.status(core_now()).interest))
    transport_->send_gossip(to, std::move(piece));
}

void Members::say_what_is_revoked(const NodeId& to) {
  const trust::Revocations& known = notary_.revocations();
  if (!known.all().empty()) tell_revoked(to, {{}, known.digest()});
}

void Members::put_out_the_revoked() {
  const membership::View& view = membership_.view();
  std::vector<membership::View::Slot> slots(view.vanished().begin(), view.vanished().end());
  for (std::uint32_t stage = 0; stage < stages_; ++stage) view.list(StageIndex(stage), slots);
  std::map<NodeId, std::string> out;
  for (const membership::View::Slot slot : slots) {
    const membership::NodeRecord& record = *view.at(slot).record;
    if (record.id == setup_.identity.id) continue;
    if (const auto* entry = notary_.revocation_of(record))
      out.emplace(record.id, trust::describe(entry->revocation));
  }
  for (const auto& [peer, address] : linked_)  // who has not said yet which invite it shows
    if (const auto* entry = notary_.revocations().of(peer))
      out.emplace(peer, trust::describe(entry->revocation));
  for (const auto& [node, why] : out) put_out(node, why);
  if (const auto* own = notary_.own_revocation()) report_(Failed{put_out_by(own->revocation)});
}

void Members::put_out(const NodeId& node, const std::string& why) {
  const bool was_here = linked_.contains(node) || membership_.view().present(node) != nullptr;
  if (was_here) report_(Warned{fmt::format("node {} is put out: {}", to_short(node), why)});
  drop(node, why);
  handle(membership::LinkDown{node, true});
  handle(membership::Expelled{node});
  failed_dials_.erase(node);
  underway_.erase(node);
}

void Members::keep_revocations() {
  has_unkept_ = true;
  if (notary_.own_revocation() != nullptr) return;  // this node ends, and writes them then
  asio::post(asker_, [this, known = notary_.revocations()] {
    const bool is_kept = save(known);
    asio::post(core_, [this, is_kept, digest = known.digest()] {
      if (is_kept && digest == notary_.revocations().digest()) has_unkept_ = false;
    });
  });
}

/// What waits to be asked is refused. What was taken in is kept.
void Members::end_questions() {
  asker_.stop();
  if (!has_unkept_) return;
  asker_.join();
  save(notary_.revocations());
}

/// One thread at a time: `asker_`, and after its end this one.
bool Members::save(const trust::Revocations& known) const {
  const auto kept = trust::save_revocations(setup_.revocations, known);
  if (kept.has_error()) spdlog::warn("revocations can't be kept: {}", kept.error().message);
  return kept.has_value();
}

/// A node that all others have put out while it was not linked is told so at the door alone.
void Members::ask_at(const trust::Contact& door) {
  const std::string question = enter_question(setup_.entry.invite, stage_.value());
  asio::post(asker_, [this, door, question] {
    const auto answer =
        ask(door.address, setup_.identity, door.node, Asks::kEnter, question, kDoorLimit);
    const auto entered =
        answer.has_value() ? read_entered(*answer) : Result<Entered>(answer.error());
    if (entered.has_error() || entered->revocation.empty()) return;
    asio::post(core_, [this, told = RevokedTold{{entered->revocation}, {}}, from = door.node] {
      hear_of_revoked(from, told);
    });
  });
}

/// An honest member signs and checks what it says.
void Members::refuse_gossip(const NodeId& from, const Error& error) {
  report_(swarm::Misbehaved{from, "it told what is not signed as it should be"});
  spdlog::info("closed the link with {}: {}", to_short(from), error.message);
  carry_out(membership::Drop{from, "it told what is not signed as it should be"});
  handle(membership::LinkDown{from, true});
}

}  // namespace brigade::daemon
