#include "daemon/members/gossip.hpp"

#include <brigade/v1/membership.pb.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "trust/fields.hpp"

namespace brigade::daemon {

namespace membership = swarm::membership;
namespace wire = brigade::v1;

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMaxAgeMs = 86'400'000;
// A piece is closed before the longest record, with its tags, would take it over the bound.
constexpr std::size_t kPieceBytes = limits::kMaxGossipBytes - limits::kMaxRecordBytes - 64;

Error protocol_error(std::string text) {
  return make_error(ErrorCode::kProtocol, std::move(text));
}

template <class Field>
Result<> check_count(const char* what, const Field& field, std::size_t most) {
  const auto count = static_cast<std::size_t>(field.size());
  if (count <= most) return {};
  return protocol_error(fmt::format("{} {}, at most {} are allowed", count, what, most));
}

Result<StageIndex> stage_from(std::uint32_t stage) {
  if (stage < limits::kMaxStages) return StageIndex(stage);
  return protocol_error(
      fmt::format("stage {}, at most {} is allowed", stage, limits::kMaxStages - 1));
}

Result<NodeId> id_from(const std::string& bytes) {
  NodeId id;
  if (bytes.size() != id.bytes.size()) return protocol_error("a node's id of a wrong length");
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

std::string id_to(const NodeId& id) {
  return {id.bytes.begin(), id.bytes.end()};
}

Result<membership::Interest> interest_from(const wire::Interest& in) {
  BRIGADE_ASSIGN(const StageIndex first, stage_from(in.first()));
  BRIGADE_ASSIGN(const StageIndex last, stage_from(in.last()));
  if (last < first) return protocol_error("an interest that ends before it begins");
  return membership::Interest{first, last};
}

void interest_to(const membership::Interest& in, wire::Interest& out) {
  out.set_first(in.first.value());
  out.set_last(in.last.value());
}

// ---- Out ------------------------------------------------------------------------------------

class Writer {
 public:
  explicit Writer(Notary& notary) : notary_(notary) {}

  std::vector<std::string> write(const membership::Message& message) {
    std::visit(*this, message);
    close();
    return std::move(pieces_);
  }

  void operator()(const membership::Hello& in) {
    wire::Greeting& out = *piece_.mutable_greeting();
    out.set_record(notary_.bytes_of(in.record));
    interest_to(in.interest, *out.mutable_interest());
    for (const auto& summary : in.summaries) summary_to(summary, *out.add_summaries());
  }
  void operator()(const membership::Gossip& in) {
    interest_to(in.interest, *piece_.mutable_rumours()->mutable_interest());
    for (const auto& summary : in.summaries)
      summary_to(summary, *piece_.mutable_rumours()->add_summaries());
    for (const membership::Rumour& rumour : in.rumours) {
      if (piece_.ByteSizeLong() > kPieceBytes) {
        close();
        interest_to(in.interest, *piece_.mutable_rumours()->mutable_interest());
      }
      wire::Rumours& out = *piece_.mutable_rumours();
      if (const auto* record = std::get_if<membership::RecordPtr>(&rumour)) {
        add(notary_.bytes_of(*record), *out.mutable_records());
      } else {
        add(notary_.bytes_of(std::get<membership::SuspicionPtr>(rumour)),
            *out.mutable_suspicions());
      }
    }
  }
  void operator()(const membership::Probe&) { piece_.mutable_probe(); }
  void operator()(const membership::ProbeAck&) { piece_.mutable_probe_ack(); }
  void operator()(const membership::ProbeFor& in) {
    piece_.mutable_probe_for()->set_subject(id_to(in.subject));
  }
  void operator()(const membership::ProbeResult& in) {
    piece_.mutable_probe_result()->set_subject(id_to(in.subject));
    piece_.mutable_probe_result()->set_is_alive(in.is_alive);
  }
  void operator()(const membership::SyncDigest& in) {
    wire::SyncDigest& out = *piece_.mutable_sync_digest();
    interest_to(in.interest, *out.mutable_interest());
    for (const membership::GroupDigest& group : in.groups) {
      wire::GroupDigest& added = *out.add_groups();
      added.set_group(group.group.value());
      for (const std::uint64_t sum : group.sums) added.add_sums(sum);
    }
  }
  void operator()(const membership::SyncEntries& in) {
    wire::SyncEntries& out = *piece_.mutable_sync_entries();
    for (const membership::SyncBuckets& buckets : in.groups) {
      wire::SyncBuckets& added = *out.add_groups();
      added.set_group(buckets.group.value());
      added.set_buckets(buckets.buckets);
    }
    for (const membership::SyncEntry& entry : in.entries) {
      out.add_prefixes(entry.prefix);
      out.add_incarnations(entry.incarnation.value());
    }
  }
  void operator()(const membership::SyncRecords& in) {
    for (const std::uint64_t prefix : in.wants) piece_.mutable_sync_records()->add_wants(prefix);
    piece_.mutable_sync_records();
    for (const auto& record : in.records)
      add(notary_.bytes_of(record), *roomy().mutable_sync_records()->mutable_records());
    for (const auto& suspicion : in.suspicions)
      add(notary_.bytes_of(suspicion), *roomy().mutable_sync_records()->mutable_suspicions());
  }

 private:
  template <class Field>
  static void add(std::string bytes, Field& field) {
    if (!bytes.empty()) *field.Add() = std::move(bytes);
  }
  wire::MembershipMessage& roomy() {
    if (piece_.ByteSizeLong() > kPieceBytes) close();
    return piece_;
  }
  void close() {
    pieces_.push_back(piece_.SerializeAsString());
    piece_.Clear();
  }
  void summary_to(const membership::Summary& in, wire::StageSummary& out) {
    out.set_stage(in.stage.value());
    out.set_members(in.members);
    out.set_serving(in.serving);
    out.set_microbatches_hour(in.microbatches_hour);
    out.set_age_ms(
        static_cast<std::uint64_t>(std::clamp(std::chrono::duration_cast<milliseconds>(in.age),
                                              milliseconds{0}, milliseconds{kMaxAgeMs})
                                       .count()));
    if (in.contact && piece_.ByteSizeLong() < kPieceBytes)
      out.set_contact(notary_.bytes_of(in.contact));
  }

  Notary& notary_;
  wire::MembershipMessage piece_;
  std::vector<std::string> pieces_;
};

// ---- In -------------------------------------------------------------------------------------

template <class Field>
Result<std::vector<membership::RecordPtr>> records_from(const Field& in, Notary& notary,
                                                        std::size_t most) {
  BRIGADE_TRY(check_count("records", in, most));
  std::vector<membership::RecordPtr> records;
  for (const std::string& bytes : in) {
    auto record = notary.read_record(bytes);
    if (record.has_value()) {
      records.push_back(std::move(*record));
    } else if (record.error().code != ErrorCode::kLimit) {  // else it is no member here
      return record.error();
    }
  }
  return records;
}

template <class Field>
Result<std::vector<membership::SuspicionPtr>> suspicions_from(const Field& in, Notary& notary,
                                                              std::size_t most) {
  BRIGADE_TRY(check_count("suspicions", in, most));
  std::vector<membership::SuspicionPtr> suspicions;
  for (const std::string& bytes : in) {
    BRIGADE_ASSIGN(membership::SuspicionPtr suspicion, notary.read_suspicion(bytes));
    suspicions.push_back(std::move(suspicion));
  }
  return suspicions;
}

template <class Field>
Result<std::vector<membership::Summary>> summaries_from(const Field& in, Notary& notary) {
  BRIGADE_TRY(check_count("summaries", in, limits::kMaxSummaries));
  std::vector<membership::Summary> summaries;
  for (const wire::StageSummary& one : in) {
    membership::Summary summary;
    BRIGADE_ASSIGN(summary.stage, stage_from(one.stage()));
    summary.members = one.members();
    summary.serving = one.serving();
    summary.microbatches_hour = one.microbatches_hour();
    summary.age = milliseconds{std::min(one.age_ms(), kMaxAgeMs)};
    if (!one.contact().empty()) {
      auto contact = notary.read_record(one.contact());
      if (contact.has_value()) {
        summary.contact = std::move(*contact);
      } else if (contact.error().code != ErrorCode::kLimit) {
        return contact.error();
      }
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

Result<membership::Message> read(const wire::Greeting& in, Notary& notary) {
  membership::Hello out;
  BRIGADE_ASSIGN(out.record, notary.read_record(in.record()));
  BRIGADE_ASSIGN(out.interest, interest_from(in.interest()));
  BRIGADE_ASSIGN(out.summaries, summaries_from(in.summaries(), notary));
  return membership::Message(std::move(out));
}

Result<membership::Message> read(const wire::Rumours& in, Notary& notary) {
  membership::Gossip out;
  BRIGADE_ASSIGN(out.interest, interest_from(in.interest()));
  BRIGADE_ASSIGN(const auto records, records_from(in.records(), notary, limits::kMaxRumours));
  BRIGADE_ASSIGN(const auto suspicions,
                 suspicions_from(in.suspicions(), notary, limits::kMaxRumours));
  out.rumours.assign(records.begin(), records.end());
  out.rumours.insert(out.rumours.end(), suspicions.begin(), suspicions.end());
  if (out.rumours.size() > limits::kMaxRumours) return protocol_error("too many rumours");
  BRIGADE_ASSIGN(out.summaries, summaries_from(in.summaries(), notary));
  return membership::Message(std::move(out));
}

Result<membership::Message> read(const wire::SyncDigest& in) {
  membership::SyncDigest out;
  BRIGADE_ASSIGN(out.interest, interest_from(in.interest()));
  BRIGADE_TRY(check_count("digests", in.groups(), limits::kMaxSyncGroups));
  for (const wire::GroupDigest& group : in.groups()) {
    membership::GroupDigest& added = out.groups.emplace_back();
    BRIGADE_ASSIGN(added.group, stage_from(group.group()));
    if (static_cast<std::size_t>(group.sums_size()) != added.sums.size())
      return protocol_error("a digest of a wrong length");
    std::copy(group.sums().begin(), group.sums().end(), added.sums.begin());
  }
  return membership::Message(std::move(out));
}

Result<membership::Message> read(const wire::SyncEntries& in) {
  membership::SyncEntries out;
  BRIGADE_TRY(check_count("groups of buckets", in.groups(), limits::kMaxSyncGroups));
  BRIGADE_TRY(check_count("entries", in.prefixes(), limits::kMaxSyncEntries));
  if (in.prefixes_size() != in.incarnations_size())
    return protocol_error("entries without incarnations");
  for (const wire::SyncBuckets& buckets : in.groups()) {
    membership::SyncBuckets& added = out.groups.emplace_back();
    BRIGADE_ASSIGN(added.group, stage_from(buckets.group()));
    added.buckets = static_cast<std::uint16_t>(buckets.buckets());
  }
  for (int i = 0; i < in.prefixes_size(); ++i)
    out.entries.push_back({in.prefixes(i), membership::Incarnation(in.incarnations(i))});
  return membership::Message(std::move(out));
}

Result<membership::Message> read(const wire::SyncRecords& in, Notary& notary) {
  membership::SyncRecords out;
  BRIGADE_ASSIGN(out.records, records_from(in.records(), notary, limits::kMaxSyncRecords));
  BRIGADE_ASSIGN(out.suspicions, suspicions_from(in.suspicions(), notary, limits::kMaxSyncRecords));
  BRIGADE_TRY(check_count("wants", in.wants(), limits::kMaxSyncRecords));
  out.wants.assign(in.wants().begin(), in.wants().end());
  return membership::Message(std::move(out));
}

Result<membership::Message> read_any(const wire::MembershipMessage& in, Notary& notary) {
  using Kind = wire::MembershipMessage::KindCase;
  switch (in.kind_case()) {
    case Kind::kGreeting:
      return read(in.greeting(), notary);
    case Kind::kRumours:
      return read(in.rumours(), notary);
    case Kind::kProbe:
      return membership::Message(membership::Probe{});
    case Kind::kProbeAck:
      return membership::Message(membership::ProbeAck{});
    case Kind::kProbeFor: {
      BRIGADE_ASSIGN(const NodeId subject, id_from(in.probe_for().subject()));
      return membership::Message(membership::ProbeFor{subject});
    }
    case Kind::kProbeResult: {
      BRIGADE_ASSIGN(const NodeId subject, id_from(in.probe_result().subject()));
      return membership::Message(membership::ProbeResult{subject, in.probe_result().is_alive()});
    }
    case Kind::kSyncDigest:
      return read(in.sync_digest());
    case Kind::kSyncEntries:
      return read(in.sync_entries());
    case Kind::kSyncRecords:
      return read(in.sync_records(), notary);
    case Kind::KIND_NOT_SET:
      break;
  }
  return protocol_error("a message between members of an unknown kind");
}

Result<RevokedTold> read(const wire::Revoked& in) {
  RevokedTold told;
  if (!in.known().empty() && !trust::get_bytes(in.known(), told.known.emplace()))
    return protocol_error("a digest of revocations of a wrong length");
  told.revocations.assign(in.revocations().begin(), in.revocations().end());
  return told;
}

}  // namespace

std::vector<std::string> to_gossip(const membership::Message& message, Notary& notary) {
  return Writer(notary).write(message);
}

std::vector<std::string> to_gossip(const RevokedTold& told, const membership::Interest& interest) {
  std::vector<std::string> pieces;
  wire::MembershipMessage piece;
  const auto begin = [&] {
    piece.Clear();
    interest_to(interest, *piece.mutable_rumours()->mutable_interest());
    return piece.mutable_rumours()->mutable_revoked();
  };
  wire::Revoked* revoked = begin();
  if (told.known) trust::set_bytes(revoked->mutable_known(), *told.known);
  for (const std::string& bytes : told.revocations) {
    if (piece.ByteSizeLong() > kPieceBytes) {
      pieces.push_back(piece.SerializeAsString());
      revoked = begin();
    }
    revoked->add_revocations(bytes);
  }
  pieces.push_back(piece.SerializeAsString());
  return pieces;
}

Result<Heard> from_gossip(std::string_view bytes, Notary& notary) {
  wire::MembershipMessage message;
  if (bytes.size() > limits::kMaxGossipBytes ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return protocol_error("what is no message between members");
  }
  BRIGADE_ASSIGN(membership::Message read_message, read_any(message, notary));
  BRIGADE_ASSIGN(RevokedTold revoked, read(message.rumours().revoked()));
  return Heard{std::move(read_message), std::move(revoked)};
}

}  // namespace brigade::daemon
