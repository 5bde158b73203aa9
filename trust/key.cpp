#include "trust/key.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>

#include "trust/openssl.hpp"

namespace brigade::trust {

namespace {

using Context = std::unique_ptr<EVP_MD_CTX, OpensslDeleter<EVP_MD_CTX_free>>;

// SubjectPublicKeyInfo of an Ed25519 key is these bytes and the key (RFC 8410, section 4).
constexpr std::uint8_t kKeyInfo[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                     0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

/// What is really signed: the statement's name, a zero byte, the content.
std::string to_signed_bytes(std::string_view statement, std::string_view content) {
  std::string bytes("brigade ");
  bytes += statement;
  bytes += '\0';
  bytes += content;
  return bytes;
}

const unsigned char* data_of(const std::string& bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

// ---- openssl.hpp --------------------------------------------------------------------------------

Error openssl_error(const std::string& what) {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return make_error(ErrorCode::kIo, fmt::format("{}: OpenSSL: {}", what, text));
}

Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string to_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

// ---- key.hpp ------------------------------------------------------------------------------------

std::string to_hex(const PublicKey& key) {
  return brigade::to_hex(NodeId{key.bytes});
}

NodeId node_id_of(const PublicKey& key) {
  std::array<std::uint8_t, sizeof kKeyInfo + sizeof key.bytes> info{};
  std::copy(key.bytes.begin(), key.bytes.end(),
            std::copy(std::begin(kKeyInfo), std::end(kKeyInfo), info.begin()));
  NodeId id;
  SHA256(info.data(), info.size(), id.bytes.data());
  return id;
}

bool is_signed_by(const PublicKey& key, std::string_view statement, std::string_view content,
                  const Signature& signature) {
  const std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>> native(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
  const Context context(EVP_MD_CTX_new());
  const std::string bytes = to_signed_bytes(statement, content);
  const bool is_good =
      native && context &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, native.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.bytes.data(), signature.bytes.size(),
                       data_of(bytes), bytes.size()) == 1;
  ERR_clear_error();
  return is_good;
}

std::optional<PublicKey> public_key_of(EVP_PKEY* key) {
  PublicKey found;
  std::size_t size = found.bytes.size();
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, found.bytes.data(), &size) != 1 ||
      size != found.bytes.size()) {
    ERR_clear_error();
    return std::nullopt;
  }
  return found;
}

void SigningKey::Free::operator()(EVP_PKEY* key) const {
  EVP_PKEY_free(key);
}

SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::own(EVP_PKEY* key) {
  SigningKey owned(key);
  const auto public_key = public_key_of(key);
  if (!public_key) return make_error(ErrorCode::kCorrupt, "holds no Ed25519 private key in PEM");
  owned.public_key_ = *public_key;
  return owned;
}

Result<SigningKey> SigningKey::make() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return openssl_error("cannot make an Ed25519 key");
  return own(key);
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  const Bio in = reader_of(pem);
  // An empty passphrase instead of OpenSSL's prompt: an encrypted key is an error here.
  char no_passphrase[] = "";
  EVP_PKEY* key = in ? PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, no_passphrase) : nullptr;
  ERR_clear_error();
  return own(key);
}

Result<Signature> SigningKey::sign(std::string_view statement, std::string_view content) const {
  const Context context(EVP_MD_CTX_new());
  const std::string bytes = to_signed_bytes(statement, content);
  Signature signature;
  std::size_t size = signature.bytes.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.bytes.data(), &size, data_of(bytes), bytes.size()) !=
          1 ||
      size != signature.bytes.size()) {
    return openssl_error("cannot sign");
  }
  return signature;
}

Result<std::string> SigningKey::to_pem() const {
  const Bio out(BIO_new(BIO_s_mem()));
  if (!out ||
      PEM_write_bio_PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("cannot encode a private key");
  }
  return to_text(out.get());
}

}  // namespace brigade::trust
