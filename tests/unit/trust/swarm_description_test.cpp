#include "trust/swarm_description.hpp"

#include "tests/catch.hpp"

namespace brigade::trust {
namespace {

SwarmDescription describe(const SigningKey& owner) {
  SwarmDescription description;
  description.origin = make_origin(owner.public_key()).value();
  description.revision = 3;
  description.created_unix_s = 1'800'000'000;
  description.swarm_toml = "name = \"tiny\"\nstages = 3\n";
  return description;
}

}  // namespace

TEST_CASE("a description says what its owner wrote") {
  const SigningKey owner = SigningKey::make().value();
  const SwarmDescription description = describe(owner);
  const std::string bytes = sign_description(owner, description).value();
  CHECK(read_description(bytes).value() == description);
}

TEST_CASE("a description with any bit changed is refused, one that is cut off too") {
  const SigningKey owner = SigningKey::make().value();
  const std::string bytes = sign_description(owner, describe(owner)).value();
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    CHECK(read_description(changed).has_error());
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(read_description(bytes.substr(0, size)).has_error());
  }
}

TEST_CASE("the id of a swarm depends on its owner and its nonce") {
  const SigningKey owner = SigningKey::make().value();
  const SwarmOrigin one = make_origin(owner.public_key()).value();
  const SwarmOrigin two = make_origin(owner.public_key()).value();
  CHECK(id_of(one) == id_of(one));
  CHECK(id_of(one) != id_of(two));
  SwarmOrigin stolen = one;
  stolen.owner = SigningKey::make().value().public_key();
  CHECK(id_of(stolen) != id_of(one));
  CHECK(to_hex(id_of(one)).size() == 64);
}

}  // namespace brigade::trust
