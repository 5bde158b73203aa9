// The one line of text that carries a signed invite through chats and mails: "brigade1-", then
// base64url (RFC 4648, section 5, no padding) of the statement and the first four bytes of its
// SHA-256.
//
// The checksum tells a line that was cut or mistyped from one that is forged. One statement has one
// line: a form that decodes to the same bytes but is written otherwise is refused. White space
// inside is ignored, since chats break lines.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace brigade::trust {

std::string to_invite_line(std::string_view statement);

/// The statement. kBadInput, with what to do, where the line is none, is damaged, or of a newer
/// Brigade.
Result<std::string> from_invite_line(std::string_view text);

}  // namespace brigade::trust
