#include "trust/statement.hpp"

#include "brigade/trust/v1/trust.pb.h"
#include "trust/fields.hpp"

namespace brigade::trust {

namespace {

std::string to_bytes(const Statement& statement) {
  v1::Signed message;
  message.set_content(statement.content);
  set_bytes(message.mutable_signature(), statement.signature.bytes);
  return message.SerializeAsString();
}

}  // namespace

Result<std::string> sign_statement(const SigningKey& key, std::string_view name,
                                   std::string content) {
  Statement statement;
  BRIGADE_ASSIGN(statement.signature, key.sign(name, content));
  statement.content = std::move(content);
  return to_bytes(statement);
}

Result<Statement> parse_statement(std::string_view bytes) {
  v1::Signed message;
  Statement statement;
  const bool is_read = message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
                       get_bytes(message.signature(), statement.signature.bytes);
  if (is_read) statement.content = std::move(*message.mutable_content());
  if (!is_read || to_bytes(statement) != bytes) {
    return make_error(ErrorCode::kCorrupt, "it is no signed statement");
  }
  return statement;
}

}  // namespace brigade::trust
