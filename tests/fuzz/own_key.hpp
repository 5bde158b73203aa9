// A key of the fuzzer's own, so that arbitrary content gets past the signature.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/check.hpp"
#include "trust/key.hpp"
#include "trust/statement.hpp"

namespace brigade::fuzz {

inline const trust::SigningKey& own_key() {
  static const trust::SigningKey key = trust::SigningKey::make().value();
  return key;
}

/// `content` with a field of bytes behind it: of several of one number the last counts.
template <class Bytes>
std::string with_field(std::string content, int number, const Bytes& bytes) {
  content += static_cast<char>(number << 3 | 2);
  for (std::size_t rest = bytes.size();; rest >>= 7) {
    const bool is_last = rest < 0x80;
    content += static_cast<char>(is_last ? rest : (rest & 0x7f) | 0x80);
    if (is_last) break;
  }
  content.append(bytes.begin(), bytes.end());
  return content;
}

/// `content` signed as the statement `name`, with our key in the field that names the signer.
inline std::string signed_by_us(std::string_view name, std::string content, int key_field = 1) {
  content = with_field(std::move(content), key_field, own_key().public_key().bytes);
  return trust::sign_statement(own_key(), name, std::move(content)).value();
}

}  // namespace brigade::fuzz
