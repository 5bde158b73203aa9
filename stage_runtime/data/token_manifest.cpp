#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "stage_runtime/data/token_file.hpp"

namespace brigade::stage {
namespace {

using nlohmann::json;

constexpr std::uint64_t kFormat = 1;
constexpr std::uint32_t kUint16Ids = 65'536;

Error bad(const std::string& origin, const std::string& what) {
  return make_error(ErrorCode::kCorrupt,
                    fmt::format("{}: {}; prepare the data again", origin, what));
}

Result<std::uint64_t> whole(const json& object, const char* key, std::uint64_t low,
                            std::uint64_t high, const std::string& origin) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) {
    return bad(origin, fmt::format("\"{}\" must be a whole number", key));
  }
  const auto number = found->get<std::uint64_t>();
  if (number < low || number > high) {
    return bad(origin, fmt::format("\"{}\" is {}, not from {} to {}", key, number, low, high));
  }
  return number;
}

Result<std::string> text(const json& object, const char* key, const std::string& origin) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return bad(origin, fmt::format("\"{}\" must be a text", key));
  }
  return found->get<std::string>();
}

/// A name beside the token file, never a way out of its folder.
bool is_file_name(const std::string& name) {
  constexpr std::size_t kLongest = 255;
  return !name.empty() && name.size() <= kLongest && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string::npos && is_utf8(name);
}

std::optional<std::uint64_t> hexadecimal(const std::string& digits) {
  constexpr std::size_t kDigits = 16;
  constexpr int kBase = 16;
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, kBase);
  if (digits.size() != kDigits || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Result<TokenManifest> parse_token_manifest(std::string_view json_text, const std::string& origin) {
  if (json_text.size() > limits::kMaxManifestBytes) {
    return bad(origin, fmt::format("larger than {} bytes", limits::kMaxManifestBytes));
  }
  const json object = json::parse(json_text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return bad(origin, "not a JSON object");

  BRIGADE_TRY(whole(object, "format", kFormat, kFormat, origin));
  BRIGADE_ASSIGN(const std::string dtype, text(object, "dtype", origin));
  if (dtype != "uint16" && dtype != "uint32") {
    return bad(origin, "\"dtype\" must be \"uint16\" or \"uint32\"");
  }
  TokenManifest manifest;
  manifest.bytes_per_token = dtype == "uint16" ? 2 : 4;
  const std::uint32_t most_ids =
      manifest.bytes_per_token == 2 ? kUint16Ids : limits::kMaxVocabulary;
  BRIGADE_ASSIGN(manifest.tokens, whole(object, "tokens", 0, limits::kMaxTokens, origin));
  BRIGADE_ASSIGN(const std::uint64_t ids, whole(object, "vocabulary", 1, most_ids, origin));
  manifest.vocabulary = static_cast<std::uint32_t>(ids);
  BRIGADE_ASSIGN(manifest.text_bytes,
                 whole(object, "bytes_of_text", 0, limits::kMaxTextBytes, origin));
  BRIGADE_ASSIGN(manifest.tokenizer, text(object, "tokenizer", origin));
  if (!is_file_name(manifest.tokenizer)) {
    return bad(origin, "\"tokenizer\" must be \"bytes\" or the name of a file beside it");
  }
  BRIGADE_ASSIGN(const std::string digits, text(object, "xxh3", origin));
  const auto checksum = hexadecimal(digits);
  if (!checksum) return bad(origin, "\"xxh3\" must be 16 hexadecimal digits");
  manifest.checksum = *checksum;
  return manifest;
}

std::string to_json(const TokenManifest& manifest) {
  const nlohmann::ordered_json object{
      {"format", kFormat},
      {"dtype", manifest.bytes_per_token == 2 ? "uint16" : "uint32"},
      {"tokens", manifest.tokens},
      {"vocabulary", manifest.vocabulary},
      {"tokenizer", manifest.tokenizer},
      {"bytes_of_text", manifest.text_bytes},
      {"xxh3", fmt::format("{:016x}", manifest.checksum)},
  };
  return object.dump(2) + "\n";
}

std::filesystem::path manifest_path(const std::filesystem::path& file) {
  std::filesystem::path path = file;
  path += ".json";
  return path;
}

}  // namespace brigade::stage
