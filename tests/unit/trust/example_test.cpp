// The example of docs/protocol.md, made by another implementation of it (Python and openssl).
#include <numeric>
#include <string>

#include "tests/catch.hpp"
#include "trust/invite.hpp"
#include "trust/revocation.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::trust {
namespace {

constexpr const char* kInvite =
    "brigade1-CpgBCiA9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDBIQAAECAwQFBgcICQoLDA0ODxoQEBESExQV"
    "FhcYGRobHB0eHyIMdGlueS1zdG9yaWVzKICkp9oGMIDHrNoGOAVCNAogICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6"
    "Ozw9Pj8SEDIwMy4wLjExMy43OjcwNzASQEDAobtcdFllQ8jOoI2mbkw6DCFG1CrzQaDTn2fUNhpDv11VGHsNgco91Ekq"
    "xcELhUvtnigEhCYya4oNM_4lWg6K__1J";

constexpr const char* kDescription =
    "0a4c0a203d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c12100001020304050607"
    "08090a0b0c0d0e0f18012080a4a7da062a0e6e616d65203d202274696e79220a1240cb40cf4b700bca329c99e1b6"
    "d0bade5e45a6c62debdcd22e0c59d08a3c6f0a5efb89eb354e2d11058080844c23015290c7728f8f8632383c3d42"
    "583eb49cda05";

constexpr const char* kRevocation =
    "0a6c0a203d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c12100001020304050607"
    "08090a0b0c0d0e0f1a20202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f2880a4a7"
    "da06320e73656e6473206e6f6e73656e73651240592a292f6d15d8b3fba414ca42075fe540be250f71b987efd941"
    "a135cc383f8f5b1b42bff5d13f14ff84ac3e7c78146239e685c91e910a1130a42da5602f8f0a";

/// RFC 8032, section 7.1, TEST 2.
SigningKey example_owner() {
  return SigningKey::from_pem(
             "-----BEGIN PRIVATE KEY-----\n"
             "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
             "-----END PRIVATE KEY-----\n")
      .value();
}

SwarmOrigin example_origin() {
  SwarmOrigin origin{example_owner().public_key(), {}};
  std::iota(origin.nonce.begin(), origin.nonce.end(), std::uint8_t{0});
  return origin;
}

std::string from_hex_text(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

}  // namespace

TEST_CASE("the example's swarm has the id that the protocol says") {
  CHECK(to_hex(id_of(example_origin())) ==
        "d089ebe26d0c32a276d8521f33e7dc46a07878325d46fba679c6479fc4db4b1a");
}

TEST_CASE("the example's invite is the line that the protocol says") {
  Invite invite;
  invite.origin = example_origin();
  std::iota(invite.id.bytes.begin(), invite.id.bytes.end(), std::uint8_t{16});
  invite.swarm_name = "tiny-stories";
  invite.created_unix_s = 1'800'000'000;
  invite.expires_unix_s = 1'800'086'400;
  invite.uses = 5;
  invite.contacts.resize(1);
  std::iota(invite.contacts[0].node.bytes.begin(), invite.contacts[0].node.bytes.end(),
            std::uint8_t{32});
  invite.contacts[0].address = "203.0.113.7:7070";
  CHECK(sign_invite(example_owner(), invite).value() == kInvite);
  CHECK(read_invite(kInvite).value() == invite);
}

TEST_CASE("the example's description has the bytes that the protocol says") {
  SwarmDescription description;
  description.origin = example_origin();
  description.created_unix_s = 1'800'000'000;
  description.swarm_toml = "name = \"tiny\"\n";
  const std::string bytes = from_hex_text(kDescription);
  CHECK(sign_description(example_owner(), description).value() == bytes);
  CHECK(read_description(bytes).value() == description);
}

TEST_CASE("the example's revocation has the bytes that the protocol says") {
  NodeId node;
  std::iota(node.bytes.begin(), node.bytes.end(), std::uint8_t{32});
  const Revocation revocation{example_origin(), node, 1'800'000'000, "sends nonsense"};
  const std::string bytes = from_hex_text(kRevocation);
  CHECK(sign_revocation(example_owner(), revocation).value() == bytes);
  CHECK(read_revocation(bytes, example_origin()).value() == revocation);
}

}  // namespace brigade::trust
