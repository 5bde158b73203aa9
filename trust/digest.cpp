#include "trust/digest.hpp"

#include <openssl/evp.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "trust/openssl.hpp"

namespace brigade::trust {

Result<Sha256> sha256_of(const std::filesystem::path& file, const std::atomic<bool>* is_stopped) {
  constexpr std::size_t kChunk = 1024 * 1024;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return make_error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                      fmt::format("{}: cannot be read: {}", file.string(), std::strerror(errno)));
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    return openssl_error("cannot compute a checksum");
  std::vector<char> chunk(kChunk);
  while (in) {
    if (is_stopped != nullptr && *is_stopped)
      return make_error(ErrorCode::kUnavailable, "this node stops");
    in.read(chunk.data(), kChunk);
    if (EVP_DigestUpdate(context.get(), chunk.data(), static_cast<std::size_t>(in.gcount())) != 1)
      return openssl_error("cannot compute a checksum");
  }
  if (in.bad())
    return make_error(ErrorCode::kIo, fmt::format("{}: cannot be read to its end", file.string()));
  Sha256 digest{};
  if (EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1)
    return openssl_error("cannot compute a checksum");
  return digest;
}

}  // namespace brigade::trust
