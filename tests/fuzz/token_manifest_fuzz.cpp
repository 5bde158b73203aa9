// The manifest of a token file: any bytes are a manifest within its bounds, or a readable error.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "stage_runtime/data/token_file.hpp"
#include "tests/fuzz/check.hpp"

using namespace brigade;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = stage::parse_token_manifest(text, "manifest");
  if (!manifest) {
    fuzz::demand_readable(manifest.error());
    return 0;
  }
  FUZZ_DEMAND(manifest->bytes_per_token == 2 || manifest->bytes_per_token == 4);
  FUZZ_DEMAND(manifest->tokens <= limits::kMaxTokens);
  FUZZ_DEMAND(manifest->vocabulary > 0 && manifest->vocabulary <= limits::kMaxVocabulary);
  FUZZ_DEMAND(manifest->tokenizer.find('/') == std::string::npos);
  const auto again = stage::parse_token_manifest(stage::to_json(*manifest), "written");
  FUZZ_DEMAND(again.has_value());
  FUZZ_DEMAND(*again == *manifest);
  return 0;
}
