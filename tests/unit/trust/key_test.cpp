#include "trust/key.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"
#include "trust/key_file.hpp"

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
  CHECK(SigningKey::from_pem("").error().code == ErrorCode::kCorrupt);
}

}  // namespace brigade::trust
