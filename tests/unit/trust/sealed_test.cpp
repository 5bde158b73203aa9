#include "trust/sealed.hpp"

#include "tests/catch.hpp"

namespace brigade::trust {
namespace {

SwarmOrigin new_origin() {
  return make_origin(SigningKey::make().value().public_key()).value();
}

TEST_CASE("what is sealed for a swarm is read by its members and by nobody else") {
  const SwarmOrigin origin = new_origin();
  const std::string said = "a record of some length";
  const std::string sealed = seal(origin, said).value();
  CHECK(sealed.size() == said.size() + kSealBytes);
  CHECK(sealed.find("record") == std::string::npos);
  CHECK(unseal(origin, sealed).value() == said);
  CHECK(unseal(new_origin(), sealed).has_error());
  CHECK(seal(origin, said).value() != sealed);  // two of one content tell nobody that they are
  CHECK(unseal(origin, seal(origin, "").value()).value().empty());
}

TEST_CASE("a seal that was touched anywhere, or cut, is broken") {
  const SwarmOrigin origin = new_origin();
  const std::string sealed = seal(origin, "twelve bytes").value();
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string touched = sealed;
    touched[i] = static_cast<char>(touched[i] ^ 1);
    CHECK(unseal(origin, touched).has_error());
    CHECK(unseal(origin, sealed.substr(0, i)).has_error());
  }
}

TEST_CASE("a swarm has a meeting point of its own, the same for all members") {
  const SwarmOrigin origin = new_origin();
  CHECK(meeting_point_of(origin) == meeting_point_of(origin));
  CHECK(!(meeting_point_of(origin) == meeting_point_of(new_origin())));
}

}  // namespace
}  // namespace brigade::trust
