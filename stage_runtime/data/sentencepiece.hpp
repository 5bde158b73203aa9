// The tokeniser that lives in libsentencepiece. Debian's library exports a protobuf of its own that
// breaks programs with gRPC in them, so it is linked by choice: a program links brigade_data with
// it, or brigade_text without.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "stage_runtime/data/tokenizer.hpp"

namespace brigade::stage {

/// kBadInput: `file` is no model; kUnsupported: this program is linked without the library.
Result<std::unique_ptr<Tokenizer>> make_sentencepiece_tokenizer(const std::string& file);

}  // namespace brigade::stage
