// Signed statements as bytes: what was said, and the signature over it (proto/brigade/trust/v1).
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "trust/key.hpp"

namespace brigade::trust {

/// `content` with the key's signature as `statement`, serialized.
Result<std::string> sign_statement(const SigningKey& key, std::string_view statement,
                                   const std::string& content);

struct Statement {
  std::string content;
  Signature signature;
};
/// Takes it apart; whether the signature holds is the caller's to ask, since the key is often
/// inside. kCorrupt if these are not the bytes of a signed statement.
Result<Statement> parse_statement(std::string_view bytes);

}  // namespace brigade::trust
