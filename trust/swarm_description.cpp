#include "trust/swarm_description.hpp"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "brigade/trust/v1/trust.pb.h"
#include "trust/fields.hpp"
#include "trust/openssl.hpp"
#include "trust/statement.hpp"

namespace brigade::trust {

namespace {

constexpr std::string_view kStatement = "swarm description v1";
constexpr std::string_view kIdOf = "brigade swarm id v1";

}  // namespace

std::string to_hex(const SwarmId& id) {
  return brigade::to_hex(NodeId{id.bytes});
}

SwarmId id_of(const SwarmOrigin& origin) {
  std::string bytes(kIdOf);
  bytes += '\0';
  bytes.append(origin.owner.bytes.begin(), origin.owner.bytes.end());
  bytes.append(origin.nonce.begin(), origin.nonce.end());
  SwarmId id;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), id.bytes.data());
  return id;
}

Result<SwarmOrigin> make_origin(const PublicKey& owner) {
  SwarmOrigin origin{owner, {}};
  if (RAND_bytes(origin.nonce.data(), static_cast<int>(origin.nonce.size())) != 1) {
    return openssl_error("cannot draw a random number");
  }
  return origin;
}

Result<std::string> sign_description(const SigningKey& owner, const SwarmDescription& description) {
  BRIGADE_CHECK(owner.public_key() == description.origin.owner, "signed with another owner's key");
  v1::SwarmDescription message;
  set_bytes(message.mutable_owner_key(), description.origin.owner.bytes);
  set_bytes(message.mutable_nonce(), description.origin.nonce);
  message.set_revision(description.revision);
  message.set_created_unix_s(description.created_unix_s);
  message.set_swarm_toml(description.swarm_toml);
  for (const TokenData& one : description.data) {
    v1::TokenData& data = *message.add_data();
    data.set_manifest(one.manifest);
    set_bytes(data.mutable_sha256(), one.sha256);
  }
  BRIGADE_ASSIGN(std::string bytes, sign_statement(owner, kStatement, message.SerializeAsString()));
  // What nobody could read must not be signed.
  BRIGADE_TRY(read_description(bytes));
  return bytes;
}

Result<SwarmDescription> read_description(std::string_view bytes) {
  const auto refused = [](const char* why) { return make_error(ErrorCode::kCorrupt, why); };
  if (bytes.size() > limits::kMaxDescriptionBytes) {
    return refused("it is too long for a swarm's description");
  }
  BRIGADE_ASSIGN(const Statement statement, parse_statement(bytes));
  v1::SwarmDescription message;
  SwarmDescription description;
  if (!message.ParseFromString(statement.content) ||
      !get_bytes(message.owner_key(), description.origin.owner.bytes) ||
      !get_bytes(message.nonce(), description.origin.nonce)) {
    return refused("it is no swarm's description");
  }
  if (!is_signed_by(description.origin.owner, kStatement, statement.content, statement.signature)) {
    return refused("its signature is wrong: it is not what the swarm's owner wrote");
  }
  description.revision = message.revision();
  description.created_unix_s = message.created_unix_s();
  description.swarm_toml = std::move(*message.mutable_swarm_toml());
  if (description.revision == 0 || description.created_unix_s > limits::kMaxUnixS ||
      !is_utf8(description.swarm_toml)) {
    return refused("its revision, its time or its text makes no sense");
  }
  constexpr int kMostData = 2;
  if (message.data_size() > kMostData) return refused("it names too many files of data");
  for (v1::TokenData& one : *message.mutable_data()) {
    TokenData& data = description.data.emplace_back();
    data.manifest = std::move(*one.mutable_manifest());
    if (!get_bytes(one.sha256(), data.sha256) || !is_utf8(data.manifest))
      return refused("the data that it names make no sense");
  }
  return description;
}

}  // namespace brigade::trust
