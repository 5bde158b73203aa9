#include "trust/statement.hpp"

#include <algorithm>

#include "brigade/trust/v1/trust.pb.h"

namespace brigade::trust {

Result<std::string> sign_statement(const SigningKey& key, std::string_view statement,
                                   const std::string& content) {
  BRIGADE_ASSIGN(const Signature signature, key.sign(statement, content));
  v1::Signed message;
  message.set_content(content);
  message.set_signature(signature.bytes.data(), signature.bytes.size());
  return message.SerializeAsString();
}

Result<Statement> parse_statement(std::string_view bytes) {
  v1::Signed message;
  Statement statement;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      message.signature().size() != statement.signature.bytes.size()) {
    return make_error(ErrorCode::kCorrupt, "it is no signed statement");
  }
  std::copy(message.signature().begin(), message.signature().end(),
            statement.signature.bytes.begin());
  statement.content = std::move(*message.mutable_content());
  return statement;
}

}  // namespace brigade::trust
