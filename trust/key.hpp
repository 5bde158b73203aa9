// Ed25519 keys (RFC 8032). A node has one and is named by it; a swarm's owner has one and signs
// with it what others believe.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace brigade::trust {

struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const PublicKey&) const = default;
};

std::string to_hex(const PublicKey& key);

struct Signature {
  std::array<std::uint8_t, 64> bytes{};
  bool operator==(const Signature&) const = default;
};

/// SHA-256 of the key as SubjectPublicKeyInfo (DER): what a node is named by.
NodeId node_id_of(const PublicKey& key);

/// True if the holder of `key` has signed `content` as `statement`. Never throws.
bool is_signed_by(const PublicKey& key, std::string_view statement, std::string_view content,
                  const Signature& signature);

class SigningKey {
 public:
  static Result<SigningKey> make();
  /// kCorrupt unless `pem` is one Ed25519 private key without a passphrase.
  static Result<SigningKey> from_pem(std::string_view pem);
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  const PublicKey& public_key() const { return public_key_; }
  /// Signs `content` as `statement`: a signature for one statement says nothing for another.
  Result<Signature> sign(std::string_view statement, std::string_view content) const;
  Result<std::string> to_pem() const;
  evp_pkey_st* native() const { return key_.get(); }  // for certificates; stays ours

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit SigningKey(evp_pkey_st* key) : key_(key) {}
  static Result<SigningKey> own(evp_pkey_st* key);

  std::unique_ptr<evp_pkey_st, Free> key_;
  PublicKey public_key_;
};

/// The public half of any OpenSSL key; absent unless it is Ed25519.
std::optional<PublicKey> public_key_of(evp_pkey_st* key);

}  // namespace brigade::trust
