#include "trust/sealed.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <memory>

#include "base/check.hpp"
#include "trust/openssl.hpp"

namespace brigade::trust {

namespace {

using Context = std::unique_ptr<EVP_CIPHER_CTX, OpensslDeleter<EVP_CIPHER_CTX_free>>;
using Digest = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
static_assert(kNonceBytes + kTagBytes == kSealBytes);

/// One secret that who holds an invite knows, for one purpose.
Digest derive(const SwarmOrigin& origin, std::string_view purpose) {
  std::string bytes("brigade ");
  bytes += purpose;
  bytes += '\0';
  bytes.append(origin.owner.bytes.begin(), origin.owner.bytes.end());
  bytes.append(origin.nonce.begin(), origin.nonce.end());
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

Digest key_of(const SwarmOrigin& origin) {
  return derive(origin, "seal v1");
}

unsigned char* bytes_of(std::string& text, std::size_t at) {
  return reinterpret_cast<unsigned char*>(text.data()) + at;
}

const unsigned char* bytes_of(std::string_view text, std::size_t at) {
  return reinterpret_cast<const unsigned char*>(text.data()) + at;
}

}  // namespace

MeetingPoint meeting_point_of(const SwarmOrigin& origin) {
  const Digest digest = derive(origin, "meeting point v1");
  MeetingPoint point;
  std::copy_n(digest.begin(), point.bytes.size(), point.bytes.begin());
  return point;
}

Result<std::string> seal(const SwarmOrigin& origin, std::string_view content) {
  std::string sealed(kNonceBytes + content.size() + kTagBytes, '\0');
  const Digest key = key_of(origin);
  const Context context(EVP_CIPHER_CTX_new());
  const auto size = static_cast<int>(content.size());
  int written = 0;
  int rest = 0;
  const std::size_t tag_at = kNonceBytes + content.size();
  const bool is_sealed = context && RAND_bytes(bytes_of(sealed, 0), kNonceBytes) == 1 &&
                         EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                                            bytes_of(sealed, 0)) == 1 &&
                         EVP_EncryptUpdate(context.get(), bytes_of(sealed, kNonceBytes), &written,
                                           bytes_of(content, 0), size) == 1 &&
                         EVP_EncryptFinal_ex(context.get(), bytes_of(sealed, tag_at), &rest) == 1 &&
                         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                                             bytes_of(sealed, tag_at)) == 1;
  if (!is_sealed) return openssl_error("cannot seal what is left for other members");
  BRIGADE_CHECK(written == size && rest == 0, "a stream cipher changed a length");
  return sealed;
}

Result<std::string> unseal(const SwarmOrigin& origin, std::string_view sealed) {
  const auto refused = [] { return make_error(ErrorCode::kCorrupt, "not sealed by a member"); };
  if (sealed.size() < kSealBytes) return refused();
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string content(sealed.size() - kSealBytes, '\0');
  const Digest key = key_of(origin);
  const Context context(EVP_CIPHER_CTX_new());
  int written = 0;
  int rest = 0;
  std::array<unsigned char, kTagBytes> nothing{};
  const bool is_good =
      context &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                         bytes_of(sealed, 0)) == 1 &&
      EVP_DecryptUpdate(context.get(), bytes_of(content, 0), &written,
                        bytes_of(sealed, kNonceBytes), static_cast<int>(content.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), nothing.data(), &rest) == 1;
  ERR_clear_error();
  if (!is_good) return refused();
  return content;
}

}  // namespace brigade::trust
