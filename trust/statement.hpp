// Signed statements as bytes: what was said, and the signature over it (proto/brigade/trust/v1).
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "trust/key.hpp"

namespace brigade::trust {

struct Statement {
  std::string content;
  Signature signature;
};

/// `content` with the key's signature as the statement `name`, as bytes.
Result<std::string> sign_statement(const SigningKey& key, std::string_view name,
                                   std::string content);

/// Takes it apart; whether the signature holds is the caller's to ask, since the key is often
/// inside. kCorrupt unless `bytes` are the one form of a signed statement.
Result<Statement> parse_statement(std::string_view bytes);

}  // namespace brigade::trust
