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

/// `content` signed as the statement `name`, with our key as the owner that it names: the last of
/// several fields of one number counts.
inline std::string signed_by_us(std::string_view name, std::string content) {
  constexpr char kOwnerKeyField = 1 << 3 | 2;
  const auto& key = own_key().public_key().bytes;
  content += kOwnerKeyField;
  content += static_cast<char>(key.size());
  content.append(key.begin(), key.end());
  return trust::sign_statement(own_key(), name, std::move(content)).value();
}

}  // namespace brigade::fuzz
