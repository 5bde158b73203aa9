#include "base/ids.hpp"

namespace brigade {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(const NodeId& id) {
  std::string text;
  text.reserve(2 * id.bytes.size());
  for (const std::uint8_t byte : id.bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string to_short(const NodeId& id) {
  return to_hex(id).substr(0, 8);
}

bool from_hex(std::string_view text, NodeId& out) {
  NodeId id;
  if (text.size() != 2 * id.bytes.size()) return false;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  out = id;
  return true;
}

std::string to_string(const MicrobatchId& id) {
  const char* kind = id.kind == MicrobatchId::Kind::kEval ? "e" : "";
  return std::to_string(id.epoch.value()) + "/" + std::to_string(id.head.value()) + "/" + kind +
         std::to_string(id.sequence.value());
}

}  // namespace brigade
