#include "daemon/members/door.hpp"

#include <brigade/v1/membership.pb.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/limits.hpp"
#include "trust/fields.hpp"

namespace brigade::daemon {

namespace wire = brigade::v1;

namespace {

template <class Message>
Result<Message> parse(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return make_error(ErrorCode::kProtocol, "what it says at the door makes no sense");
  }
  return message;
}

}  // namespace

Result<std::string> Door::enter(TimePoint now, std::uint64_t now_unix_s, const Question& question,
                                const std::function<Inside()>& look_inside) {
  BRIGADE_ASSIGN(const auto asked, parse<wire::EnterRequest>(question.bytes));
  if (const auto* revoked = notary_.revocation_of(question.asker, asked.invite())) {
    wire::EnterReply reply;
    reply.set_revocation(revoked->bytes);
    return reply.SerializeAsString();
  }
  BRIGADE_TRY(notary_.admit(question.asker, asked.invite(), now_unix_s));
  const Inside inside = look_inside();
  wire::EnterReply reply;
  reply.set_description(description_);
  for (const std::string& record : inside.records) {
    if (static_cast<std::size_t>(reply.records_size()) == kMostRecords) break;
    reply.add_records(record);
  }
  const bool has_wish = asked.has_stage() && asked.stage() < inside.replicas.size();
  const std::uint32_t stage =
      has_wish ? asked.stage() : neediest(now, question.asker, inside.replicas);
  reply.set_stage(stage);
  return reply.SerializeAsString();
}

std::uint32_t Door::neediest(TimePoint now, const NodeId& asker,
                             std::vector<std::uint32_t> replicas) {
  std::erase_if(reserved_, [&](const auto& entry) { return entry.second.until <= now; });
  if (const auto known = reserved_.find(asker); known != reserved_.end())
    return known->second.stage;
  for (const auto& [id, reservation] : reserved_) ++replicas[reservation.stage];
  // Without data to give, one that has them is enough: strangers can't be heads.
  const bool is_closed = !gives_data_ && replicas.size() > 1 && replicas.front() > 0;
  const auto least = std::min_element(replicas.begin() + (is_closed ? 1 : 0), replicas.end());
  const auto stage = static_cast<std::uint32_t>(least - replicas.begin());
  if (reserved_.size() < kMostReserved)
    reserved_.emplace(asker, Reservation{stage, now + kReserved});
  return stage;
}

std::string enter_question(const std::string& invite, const std::optional<std::uint32_t>& stage) {
  wire::EnterRequest message;
  message.set_invite(invite);
  if (stage) message.set_stage(*stage);
  return message.SerializeAsString();
}

Result<Entered> read_entered(std::string_view bytes) {
  BRIGADE_ASSIGN(const auto message, parse<wire::EnterReply>(bytes));
  if (static_cast<std::size_t>(message.records_size()) > Door::kMostRecords ||
      message.stage() >= limits::kMaxStages) {
    return make_error(ErrorCode::kProtocol, "what it says at the door is beyond its bounds");
  }
  return Entered{message.description(),
                 {message.records().begin(), message.records().end()},
                 message.stage(),
                 message.revocation()};
}

std::string reach_question(std::uint16_t port) {
  wire::ReachRequest message;
  message.set_listen_port(port);
  return message.SerializeAsString();
}

Result<std::uint16_t> read_reach_question(std::string_view bytes) {
  BRIGADE_ASSIGN(const auto message, parse<wire::ReachRequest>(bytes));
  if (message.listen_port() == 0 ||
      message.listen_port() > std::numeric_limits<std::uint16_t>::max()) {
    return make_error(ErrorCode::kProtocol, "a port out of range");
  }
  return static_cast<std::uint16_t>(message.listen_port());
}

std::string reach_answer(const Reached& reached) {
  wire::ReachReply message;
  message.set_address(reached.address);
  message.set_can_be_dialled(reached.can_be_dialled);
  return message.SerializeAsString();
}

Result<Reached> read_reached(std::string_view bytes) {
  BRIGADE_ASSIGN(const auto message, parse<wire::ReachReply>(bytes));
  if (!trust::is_word(message.address(), limits::kMaxAddressBytes)) {
    return make_error(ErrorCode::kProtocol, "it names no address");
  }
  return Reached{message.address(), message.can_be_dialled()};
}

}  // namespace brigade::daemon
