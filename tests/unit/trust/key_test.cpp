#include "trust/key.hpp"

#include <fmt/format.h>

#include <string>

#include "tests/catch.hpp"

namespace brigade::trust {

TEST_CASE("a signature holds for its key, its statement and its content alone") {
  const SigningKey key = SigningKey::make().value();
  const SigningKey other = SigningKey::make().value();
  const Signature signature = key.sign("greeting v1", "hello").value();
  CHECK(is_signed_by(key.public_key(), "greeting v1", "hello", signature));
  CHECK_FALSE(is_signed_by(other.public_key(), "greeting v1", "hello", signature));
  CHECK_FALSE(is_signed_by(key.public_key(), "greeting v2", "hello", signature));
  CHECK_FALSE(is_signed_by(key.public_key(), "greeting v1", "hello!", signature));
  Signature changed = signature;
  changed.bytes[63] ^= 1;
  CHECK_FALSE(is_signed_by(key.public_key(), "greeting v1", "hello", changed));
}

TEST_CASE("a key read back is the same key") {
  const SigningKey key = SigningKey::make().value();
  const SigningKey again = SigningKey::from_pem(key.to_pem().value()).value();
  CHECK(again.public_key() == key.public_key());
  CHECK(node_id_of(again.public_key()) == node_id_of(key.public_key()));
}

TEST_CASE("what is no Ed25519 private key is refused") {
  const std::string pem = SigningKey::make().value().to_pem().value();
  for (const std::string& text : {std::string(), std::string("no key"), pem.substr(0, 60)}) {
    CHECK(SigningKey::from_pem(text).error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("keys, signatures and ids are those of RFC 8032 and RFC 8410") {
  // RFC 8032, section 7.1, TEST 2, as openssl writes it.
  const SigningKey key = SigningKey::from_pem(
                             "-----BEGIN PRIVATE KEY-----\n"
                             "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
                             "-----END PRIVATE KEY-----\n")
                             .value();
  CHECK(to_hex(key.public_key()) ==
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  CHECK(to_hex(node_id_of(key.public_key())) ==
        "deb2ded39dc26fce0e6085b6fc34bf6b5941913bbfe2ea614113cff9e004c170");
  // openssl pkeyutl -sign of "brigade greeting v1", a zero byte, "hello".
  const Signature signature = key.sign("greeting v1", "hello").value();
  std::string text;
  for (const std::uint8_t byte : signature.bytes) text += fmt::format("{:02x}", byte);
  CHECK(text ==
        "8e88679d1e2f81694f8a9ab605ae189cd6b4b44af39087aa9c4a34d046f87a27"
        "d38150c9318d5b651f26403c966819885b7bd5dcee699a9d900799b2d35e6804");
}

}  // namespace brigade::trust
