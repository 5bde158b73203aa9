#include "trust/invite_line.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/limits.hpp"

namespace brigade::trust {

namespace {

constexpr std::string_view kPrefix = "brigade1-";
constexpr std::string_view kAnyPrefix = "brigade";
constexpr std::size_t kChecksumBytes = 4;
// Groups of base64: so many bytes as so many characters.
constexpr std::size_t kGroupBytes = 3;
constexpr std::size_t kGroupCharacters = 4;

const unsigned char* data_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string checksum_of(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(data_of(bytes), bytes.size(), digest);
  return {reinterpret_cast<const char*>(digest), kChecksumBytes};
}

std::string to_base64url(std::string_view bytes) {
  std::string text(kGroupCharacters * (bytes.size() / kGroupBytes + 1) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), data_of(bytes),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  text.erase(text.find_last_not_of('=') + 1);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

/// False unless `text` is exactly what to_base64url() makes of some bytes.
bool from_base64url(std::string_view text, std::string& out) {
  std::string padded(text);
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  const std::size_t padding =
      (kGroupCharacters - text.size() % kGroupCharacters) % kGroupCharacters;
  if (padding == kGroupCharacters - 1) return false;
  padded.append(padding, '=');
  out.assign(padded.size() / kGroupCharacters * kGroupBytes, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), data_of(padded),
                                   static_cast<int>(padded.size()));
  if (size < static_cast<int>(padding)) return false;
  out.resize(static_cast<std::size_t>(size) - padding);
  return to_base64url(out) == text;
}

std::string without_spaces(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') result += c;
  }
  return result;
}

Error refused(std::string why) {
  return make_error(ErrorCode::kBadInput, std::move(why));
}

}  // namespace

std::string to_invite_line(std::string_view statement) {
  return std::string(kPrefix) + to_base64url(std::string(statement) + checksum_of(statement));
}

Result<std::string> from_invite_line(std::string_view text) {
  if (text.size() > limits::kMaxInviteBytes) {
    return refused(
        fmt::format("this is no invite: one has {} characters at most", limits::kMaxInviteBytes));
  }
  const std::string line = without_spaces(text);
  if (!line.starts_with(kAnyPrefix)) {
    return refused(fmt::format("this is no invite: one starts with {}", kPrefix));
  }
  if (!line.starts_with(kPrefix)) {
    return refused(
        fmt::format("this invite does not start with {}: copy the whole line again, or "
                    "update Brigade if it is of a newer one",
                    kPrefix));
  }
  std::string bytes;
  const bool is_whole = from_base64url(std::string_view(line).substr(kPrefix.size()), bytes) &&
                        bytes.size() > kChecksumBytes;
  const std::size_t size = is_whole ? bytes.size() - kChecksumBytes : 0;
  if (!is_whole || bytes.substr(size) != checksum_of(std::string_view(bytes).substr(0, size))) {
    return refused("this invite is cut or mistyped: copy the whole line again");
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace brigade::trust
