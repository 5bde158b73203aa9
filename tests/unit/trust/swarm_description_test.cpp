#include "trust/swarm_description.hpp"

#include <functional>

#include "base/limits.hpp"
#include "brigade/trust/v1/trust.pb.h"
#include "tests/catch.hpp"
#include "tests/unit/trust/signed_swarm.hpp"
#include "trust/statement.hpp"

namespace brigade::trust {
namespace {

/// Signed as it should be, around what our own signing would refuse.
std::string signed_with(const Owner& owner,
                        const std::function<void(v1::SwarmDescription&)>& change) {
  const std::string bytes = sign_description(owner.key, owner.description()).value();
  v1::SwarmDescription message;
  REQUIRE(message.ParseFromString(parse_statement(bytes).value().content));
  change(message);
  return sign_statement(owner.key, "swarm description v1", message.SerializeAsString()).value();
}

std::string why_refused(const std::string& bytes) {
  const auto read = read_description(bytes);
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::kCorrupt);
  return read.error().message;
}

}  // namespace

TEST_CASE("a description says what its owner wrote") {
  const Owner owner;
  const std::string bytes = sign_description(owner.key, owner.description()).value();
  CHECK(read_description(bytes).value() == owner.description());
}

TEST_CASE("a description names data by checksum, no more than two files, and nothing else") {
  const Owner owner;
  SwarmDescription description = owner.description();
  description.data = {{"{}", {1, 2, 3}}, {"{\"format\": 1}", {4}}};
  CHECK(read_description(sign_description(owner.key, description).value()).value() == description);
  CHECK(why_refused(signed_with(owner, [](auto& message) {
          for (int i = 0; i < 3; ++i) message.add_data()->set_sha256(std::string(32, 'x'));
        })) == "it names too many files of data");
  CHECK(why_refused(signed_with(owner, [](auto& message) {
          message.add_data()->set_sha256("short");
        })) == "the data that it names make no sense");
}

TEST_CASE("a description with any bit changed is refused, one that is cut off or longer too") {
  const Owner owner;
  const std::string bytes = sign_description(owner.key, owner.description()).value();
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    CHECK(read_description(changed).has_error());
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(read_description(bytes.substr(0, size)).has_error());
  }
  // Nobody but the owner can make other bytes of it: not even with fields that we would not read.
  CHECK(read_description(bytes + bytes).has_error());
  CHECK(read_description(bytes + std::string("\x18\x07")).has_error());
}

TEST_CASE("a description that another key has signed is refused") {
  const Owner owner;
  const Owner stranger;
  const std::string bytes = sign_description(owner.key, owner.description()).value();
  const std::string content = parse_statement(bytes).value().content;
  const std::string wrong = "its signature is wrong: it is not what the swarm's owner wrote";
  CHECK(why_refused(sign_statement(stranger.key, "swarm description v1", content).value()) ==
        wrong);
  CHECK(why_refused(sign_statement(owner.key, "invite v1", content).value()) == wrong);
}

TEST_CASE("a description beyond its bounds is refused, though its owner has signed it") {
  const Owner owner;
  CHECK(read_description(signed_with(owner, [](v1::SwarmDescription&) {})).has_value());
  const std::string senseless = "its revision, its time or its text makes no sense";
  CHECK(why_refused(signed_with(owner, [](auto& d) { d.set_revision(0); })) == senseless);
  CHECK(why_refused(signed_with(owner, [](auto& d) { d.set_created_unix_s(~0ULL); })) == senseless);
  CHECK(why_refused(signed_with(owner, [](auto& d) { d.set_swarm_toml("\xff"); })) == senseless);
  CHECK(why_refused(signed_with(owner, [](auto& d) { d.set_nonce("short"); })) ==
        "it is no swarm's description");
  CHECK(why_refused(std::string(limits::kMaxDescriptionBytes + 1, 'x')) ==
        "it is too long for a swarm's description");
}

TEST_CASE("a description that nobody could read is not signed") {
  const Owner owner;
  SwarmDescription description = owner.description();
  description.swarm_toml.assign(limits::kMaxDescriptionBytes, 'x');
  CHECK(sign_description(owner.key, description).has_error());
  description = owner.description();
  description.revision = 0;
  CHECK(sign_description(owner.key, description).has_error());
}

TEST_CASE("the id of a swarm depends on its owner and its nonce") {
  const Owner owner;
  const SwarmOrigin two = make_origin(owner.key.public_key()).value();
  CHECK(id_of(owner.origin) == id_of(owner.origin));
  CHECK(id_of(owner.origin) != id_of(two));
  SwarmOrigin stolen = owner.origin;
  stolen.owner = Owner().key.public_key();
  CHECK(id_of(stolen) != id_of(owner.origin));
  CHECK(to_hex(id_of(owner.origin)).size() == 64);
}

}  // namespace brigade::trust
