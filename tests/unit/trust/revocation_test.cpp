#include "trust/revocation.hpp"

#include <functional>

#include "base/limits.hpp"
#include "brigade/trust/v1/trust.pb.h"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"
#include "tests/unit/trust/signed_swarm.hpp"
#include "trust/statement.hpp"

namespace brigade::trust {
namespace {

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

Revocation of_node(const Owner& owner, std::uint8_t number = 1) {
  return {owner.origin, node(number), 1'800'000'000, "sends nonsense – “again”"};
}

std::string signed_by(const Owner& owner, const Revocation& revocation) {
  return sign_revocation(owner.key, revocation).value();
}

/// Signed as it should be, around what our own signing would refuse.
std::string signed_with(const Owner& owner, const std::function<void(v1::Revocation&)>& change) {
  v1::Revocation message;
  const std::string bytes = signed_by(owner, of_node(owner));
  REQUIRE(message.ParseFromString(parse_statement(bytes).value().content));
  change(message);
  return sign_statement(owner.key, "revocation v1", message.SerializeAsString()).value();
}

}  // namespace

TEST_CASE("a revocation says what its owner wrote, of a node or of an invite") {
  const Owner owner;
  const Revocation first = of_node(owner);
  CHECK(read_revocation(signed_by(owner, first), owner.origin).value() == first);
  const Revocation second{owner.origin, make_invite_id().value(), 0, ""};
  CHECK(read_revocation(signed_by(owner, second), owner.origin).value() == second);
  CHECK(describe(first) == "the swarm's owner has revoked node 01010101: sends nonsense – “again”");
}

TEST_CASE("a revocation with any bit changed is refused, one that is cut off or longer too") {
  const Owner owner;
  const std::string bytes = signed_by(owner, of_node(owner));
  const auto is_refused = [&](const std::string& changed) {
    const auto read = read_revocation(changed, owner.origin);
    return read.has_error() && read.error().code == ErrorCode::kCorrupt;
  };
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    CHECK(is_refused(changed));
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(is_refused(bytes.substr(0, size)));
  CHECK(is_refused(bytes + std::string("\x18\x07")));
  CHECK(is_refused(std::string(limits::kMaxRevocationBytes + 1, 'x')));
}

TEST_CASE("nobody but the owner revokes, and in no other swarm of its own") {
  const Owner owner;
  const Owner stranger;
  const std::string bytes = signed_by(owner, of_node(owner));
  const std::string content = parse_statement(bytes).value().content;
  CHECK(read_revocation(bytes, stranger.origin).error().code == ErrorCode::kCorrupt);
  CHECK(read_revocation(bytes, make_origin(owner.key.public_key()).value()).error().code ==
        ErrorCode::kCorrupt);
  for (const std::string& forged : {sign_statement(stranger.key, "revocation v1", content).value(),
                                    sign_statement(owner.key, "invite v1", content).value()})
    CHECK(read_revocation(forged, owner.origin).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("what the owner has signed and nobody understands is told from a forgery") {
  const Owner owner;
  const auto code = [&](const std::function<void(v1::Revocation&)>& change) {
    const auto read = read_revocation(signed_with(owner, change), owner.origin);
    return read.has_error() ? read.error().code : ErrorCode::kCancelled;
  };
  CHECK(code([](auto&) {}) == ErrorCode::kCancelled);  // else none of these says anything
  CHECK(code([](auto& m) { m.clear_node_id(); }) == ErrorCode::kBadInput);
  CHECK(code([](auto& m) { m.set_node_id("short"); }) == ErrorCode::kBadInput);
  CHECK(code([](auto& m) { m.set_invite_id(std::string(16, 'i')); }) == ErrorCode::kBadInput);
  CHECK(code([](auto& m) { m.set_revoked_unix_s(~0ULL); }) == ErrorCode::kBadInput);
  for (const char* reason : {"\xff", "two\nlines", "\x1b[31m", "\x7f", "\xc2\x9b"}) {
    CAPTURE(reason);
    CHECK(code([&](auto& m) { m.set_reason(reason); }) == ErrorCode::kBadInput);
  }
  CHECK(code([](auto& m) { m.set_reason(std::string(limits::kMaxReasonBytes + 1, 'x')); }) ==
        ErrorCode::kBadInput);
}

TEST_CASE("a revocation that nobody would understand is not signed, and the longest fits") {
  const Owner owner;
  Revocation revocation = of_node(owner);
  revocation.reason = "two\nlines";
  CHECK(sign_revocation(owner.key, revocation).error().code == ErrorCode::kLimit);
  revocation.reason.assign(limits::kMaxReasonBytes + 1, 'x');
  CHECK(sign_revocation(owner.key, revocation).error().code == ErrorCode::kLimit);
  revocation.reason.pop_back();
  revocation.revoked_unix_s = limits::kMaxUnixS;
  CHECK(read_revocation(signed_by(owner, revocation), owner.origin).has_value());
}

TEST_CASE("of each node and invite the first revocation holds, whatever the order they come in") {
  const Owner owner;
  const Owner stranger;
  const InviteId invite = make_invite_id().value();
  const std::string first = signed_by(owner, of_node(owner));
  const std::string again = signed_by(owner, {owner.origin, node(1), 7, "another reason"});
  const std::string other = signed_by(owner, {owner.origin, invite, 7, ""});
  Revocations one(owner.origin);
  Revocations two(owner.origin);
  CHECK(one.digest() == two.digest());
  CHECK(one.add(first).value());
  CHECK_FALSE(one.add(first).value());
  CHECK_FALSE(one.add(again).value());
  CHECK(one.of(node(1))->bytes == first);
  CHECK(one.of(node(2)) == nullptr);
  CHECK(one.of(node(2), invite) == nullptr);
  CHECK(one.add(other).value());
  CHECK(one.of(node(2), invite)->revocation.subject == Revoked(invite));
  CHECK(one.digest() != two.digest());
  CHECK(two.add(other).value());
  CHECK(two.add(again).value());
  CHECK(one.digest() == two.digest());
  CHECK(one.add(signed_by(stranger, of_node(stranger, 3))).has_error());
}

TEST_CASE("a file keeps revocations, and is not believed where it was changed") {
  const Owner owner;
  const test::TemporaryFolder folder;
  const auto file = folder / kRevocationsFile;
  CHECK(load_revocations(file, owner.origin).value().all().empty());
  Revocations known(owner.origin);
  for (std::uint8_t i = 1; i < 5; ++i)
    CHECK(known.add(signed_by(owner, of_node(owner, i))).value());
  REQUIRE(save_revocations(file, known).has_value());
  CHECK(load_revocations(file, owner.origin).value().digest() == known.digest());
  CHECK(load_revocations(file, Owner().origin).error().code == ErrorCode::kCorrupt);
  folder.write(kRevocationsFile, "nonsense");
  const auto read = load_revocations(file, owner.origin);
  CHECK(read.error().code == ErrorCode::kCorrupt);
  CHECK(read.error().message.find(file.string()) != std::string::npos);
}

}  // namespace brigade::trust
