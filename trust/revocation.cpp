#include "trust/revocation.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <optional>
#include <utility>

#include "base/check.hpp"
#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "brigade/trust/v1/trust.pb.h"
#include "trust/fields.hpp"
#include "trust/statement.hpp"

namespace brigade::trust {

namespace {

constexpr std::string_view kStatement = "revocation v1";
constexpr std::size_t kMaxFileBytes =
    limits::kMaxRevocations * (limits::kMaxRevocationBytes + 4);  // with tag and length
// Before the id of a subject, where all are hashed: the number of its field.
constexpr char kNodeMark = 3;
constexpr char kInviteMark = 4;

/// Such texts go to terminals and logs.
bool is_reason(std::string_view text) {
  if (text.size() > limits::kMaxReasonBytes || !is_utf8(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_c1 = byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte < ' ' || byte == 0x7f || is_c1) return false;
  }
  return true;
}

bool is_within_bounds(const Revocation& revocation) {
  return revocation.revoked_unix_s <= limits::kMaxUnixS && is_reason(revocation.reason);
}

/// None: it names nothing, or too much.
std::optional<Revoked> subject_of(const v1::Revocation& message) {
  NodeId node;
  InviteId invite;
  if (get_bytes(message.node_id(), node.bytes) && message.invite_id().empty()) return node;
  if (get_bytes(message.invite_id(), invite.bytes) && message.node_id().empty()) return invite;
  return std::nullopt;
}

/// Whatever its signature is worth.
std::optional<Revoked> claimed_subject(std::string_view bytes) {
  const auto statement = parse_statement(bytes);
  v1::Revocation message;
  if (!statement || !message.ParseFromString(statement->content)) return std::nullopt;
  return subject_of(message);
}

void append(std::string& bytes, const NodeId& node) {
  bytes += kNodeMark;
  bytes.append(node.bytes.begin(), node.bytes.end());
}

void append(std::string& bytes, const InviteId& invite) {
  bytes += kInviteMark;
  bytes.append(invite.bytes.begin(), invite.bytes.end());
}

}  // namespace

std::string describe(const Revocation& revocation) {
  const auto* node = std::get_if<NodeId>(&revocation.subject);
  const std::string what = node != nullptr
                               ? "node " + to_short(*node)
                               : "invite " + to_hex(std::get<InviteId>(revocation.subject));
  return fmt::format("the swarm's owner has revoked {}{}{}", what,
                     revocation.reason.empty() ? "" : ": ", revocation.reason);
}

Result<std::string> sign_revocation(const SigningKey& owner, const Revocation& revocation) {
  BRIGADE_CHECK(owner.public_key() == revocation.origin.owner, "signed with another owner's key");
  if (!is_within_bounds(revocation)) {
    return make_error(ErrorCode::kLimit,
                      fmt::format("the reason of a revocation is one line of UTF-8, at most {} "
                                  "bytes long",
                                  limits::kMaxReasonBytes));
  }
  v1::Revocation message;
  set_bytes(message.mutable_owner_key(), revocation.origin.owner.bytes);
  set_bytes(message.mutable_nonce(), revocation.origin.nonce);
  if (const auto* node = std::get_if<NodeId>(&revocation.subject))
    set_bytes(message.mutable_node_id(), node->bytes);
  if (const auto* invite = std::get_if<InviteId>(&revocation.subject))
    set_bytes(message.mutable_invite_id(), invite->bytes);
  message.set_revoked_unix_s(revocation.revoked_unix_s);
  message.set_reason(revocation.reason);
  return sign_statement(owner, kStatement, message.SerializeAsString());
}

Result<Revocation> read_revocation(std::string_view bytes, const SwarmOrigin& origin) {
  if (bytes.size() > limits::kMaxRevocationBytes)
    return make_error(ErrorCode::kCorrupt, "it is too long for a revocation");
  BRIGADE_ASSIGN(const Statement statement, parse_statement(bytes));
  if (!is_signed_by(origin.owner, kStatement, statement.content, statement.signature))
    return make_error(ErrorCode::kCorrupt, "a revocation that the swarm's owner has not signed");
  v1::Revocation message;
  Revocation revocation;
  if (!message.ParseFromString(statement.content) ||
      !get_bytes(message.owner_key(), revocation.origin.owner.bytes) ||
      !get_bytes(message.nonce(), revocation.origin.nonce)) {
    return make_error(ErrorCode::kBadInput, "a revocation that this Brigade does not understand");
  }
  if (!(revocation.origin == origin))
    return make_error(ErrorCode::kCorrupt, "a revocation of another swarm");
  const std::optional<Revoked> subject = subject_of(message);
  revocation.revoked_unix_s = message.revoked_unix_s();
  revocation.reason = std::move(*message.mutable_reason());
  if (!subject || !is_within_bounds(revocation))
    return make_error(ErrorCode::kBadInput, "a revocation that this Brigade does not understand");
  revocation.subject = *subject;
  return revocation;
}

Result<const Revocations::Entry*> Revocations::add(std::string_view bytes) {
  // What is told again costs no signature.
  if (const auto subject = claimed_subject(bytes); subject && all_.contains(*subject))
    return nullptr;
  BRIGADE_ASSIGN(Revocation revocation, read_revocation(bytes, origin_));
  if (all_.size() == limits::kMaxRevocations) {
    return make_error(
        ErrorCode::kLimit,
        fmt::format("{} revocations are the most that a swarm can have", limits::kMaxRevocations));
  }
  const Revoked subject = revocation.subject;
  return &all_.emplace(subject, Entry{std::move(revocation), std::string(bytes)}).first->second;
}

const Revocations::Entry* Revocations::of(const Revoked& subject) const {
  const auto found = all_.find(subject);
  return found == all_.end() ? nullptr : &found->second;
}

const Revocations::Entry* Revocations::of(const NodeId& node, const InviteId& invite) const {
  const Entry* found = of(node);
  return found != nullptr ? found : of(invite);
}

Sha256 Revocations::digest() const {
  std::string subjects;
  for (const auto& [subject, entry] : all_)
    std::visit([&](const auto& id) { append(subjects, id); }, subject);
  Sha256 digest;
  SHA256(reinterpret_cast<const unsigned char*>(subjects.data()), subjects.size(), digest.data());
  return digest;
}

Result<Revocations> load_revocations(const std::filesystem::path& file, const SwarmOrigin& origin) {
  Revocations revocations(origin);
  const auto bytes = read_file(file, kMaxFileBytes);
  if (bytes.has_error()) {
    if (bytes.error().code == ErrorCode::kNotFound) return revocations;
    return bytes.error();
  }
  v1::Revocations message;
  if (!message.ParseFromString(*bytes))
    return make_error(ErrorCode::kCorrupt, file.string() + ": it is no list of revocations");
  for (const std::string& one : message.revocations()) {
    const auto added = revocations.add(one);
    if (added.has_error() && added.error().code != ErrorCode::kBadInput)
      return make_error(added.error().code,
                        fmt::format("{}: {}", file.string(), added.error().message));
  }
  return revocations;
}

Result<> save_revocations(const std::filesystem::path& file, const Revocations& revocations) {
  v1::Revocations message;
  for (const auto& [subject, entry] : revocations.all()) message.add_revocations(entry.bytes);
  return write_file_atomically(file, message.SerializeAsString());
}

}  // namespace brigade::trust
