#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/limits.hpp"
#include "stage_runtime/safetensors.hpp"

namespace brigade::stage {
namespace {

struct TypeName {
  DataType type;
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array kTypes{
    TypeName{DataType::kF64, "F64", 8}, TypeName{DataType::kF32, "F32", 4},
    TypeName{DataType::kF16, "F16", 2}, TypeName{DataType::kBF16, "BF16", 2},
    TypeName{DataType::kI64, "I64", 8}, TypeName{DataType::kI32, "I32", 4},
    TypeName{DataType::kI16, "I16", 2}, TypeName{DataType::kI8, "I8", 1},
    TypeName{DataType::kU8, "U8", 1},   TypeName{DataType::kBool, "BOOL", 1},
};

constexpr std::size_t kPrefixBytes = 8;  // the header's length, little-endian
constexpr std::string_view kMetadataName = "__metadata__";

Error corrupt(std::string message) {
  return make_error(ErrorCode::kCorrupt, std::move(message));
}

/// Takes the header as a stream of JSON events and accepts nothing but its schema, so that no
/// document of the file's choosing is ever built:
///   {"__metadata__": {"key": "text", …}, "name": {"dtype": "F32", "shape": [2, 3],
///    "data_offsets": [0, 24]}, …}
class HeaderReader {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  bool null() { return fail("null where none is allowed"); }
  bool boolean(bool) { return fail("a boolean where none is allowed"); }
  bool number_float(number_float_t, const string_t&) { return fail("a number with a fraction"); }
  bool binary(binary_t&) { return fail("binary data"); }
  bool number_integer(number_integer_t) { return fail("a negative number"); }
  bool number_unsigned(number_unsigned_t value);
  bool string(string_t& value);
  bool start_object(std::size_t);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool key(string_t& name);
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    return fail(fmt::format("it is no JSON at byte {}", position));
  }

  const std::string& reason() const { return reason_; }
  SafetensorsHeader take() { return std::move(header_); }

 private:
  enum class Place { kStart, kRoot, kMetadata, kTensor, kShape, kOffsets, kEnd };
  enum Field : unsigned { kType = 1, kShapeField = 2, kOffsetsField = 4, kAll = 7 };

  bool fail(std::string reason) {
    if (reason_.empty()) reason_ = std::move(reason);
    return false;
  }
  bool mark(Field field) {
    if ((fields_ & field) != 0)
      return fail(fmt::format("\"{}\" says {} twice", tensor_.name, key_));
    fields_ |= field;
    return true;
  }

  SafetensorsHeader header_;
  std::set<std::string> names_;
  std::string reason_;
  std::string key_;
  TensorEntry tensor_;
  unsigned fields_ = 0;
  std::vector<std::uint64_t> offsets_;
  Place place_ = Place::kStart;
};

bool HeaderReader::start_object(std::size_t) {
  if (place_ == Place::kStart) {
    place_ = Place::kRoot;
  } else if (place_ == Place::kRoot) {
    place_ = key_ == kMetadataName ? Place::kMetadata : Place::kTensor;
    tensor_ = {};
    tensor_.name = key_;
    fields_ = 0;
  } else {
    return fail("an object where none is allowed");
  }
  return true;
}

bool HeaderReader::key(string_t& name) {
  key_ = name;
  if (place_ == Place::kRoot) {
    return names_.insert(name).second || fail(fmt::format("the name \"{}\" twice", name));
  }
  if (place_ == Place::kMetadata) {
    return !header_.metadata.contains(name) || fail(fmt::format("the key \"{}\" twice", name));
  }
  return true;
}

bool HeaderReader::string(string_t& value) {
  if (place_ == Place::kMetadata) {
    header_.metadata.emplace(key_, std::move(value));
    return true;
  }
  if (place_ != Place::kTensor || key_ != "dtype") return fail("a text where none is allowed");
  const auto* known = std::ranges::find(kTypes, value, &TypeName::name);
  if (known == kTypes.end()) {
    return fail(fmt::format("\"{}\" has the unknown dtype \"{}\"", tensor_.name, value));
  }
  tensor_.type = known->type;
  return mark(kType);
}

bool HeaderReader::start_array(std::size_t) {
  if (place_ == Place::kTensor && key_ == "shape") {
    place_ = Place::kShape;
    return mark(kShapeField);
  }
  if (place_ == Place::kTensor && key_ == "data_offsets") {
    place_ = Place::kOffsets;
    offsets_.clear();
    return mark(kOffsetsField);
  }
  return fail("a list where none is allowed");
}

bool HeaderReader::number_unsigned(number_unsigned_t value) {
  std::vector<std::uint64_t>* list = nullptr;
  if (place_ == Place::kShape) list = &tensor_.shape;
  if (place_ == Place::kOffsets) list = &offsets_;
  if (list == nullptr) return fail("a number where none is allowed");
  const std::size_t longest = place_ == Place::kShape ? limits::kMaxTensorRank : 2;
  if (list->size() >= longest) return fail(fmt::format("\"{}\" has a list too long", tensor_.name));
  list->push_back(value);
  return true;
}

bool HeaderReader::end_array() {
  if (place_ == Place::kOffsets && offsets_.size() != 2) {
    return fail(fmt::format("\"{}\" has no two data_offsets", tensor_.name));
  }
  place_ = Place::kTensor;
  return true;
}

bool HeaderReader::end_object() {
  if (place_ == Place::kRoot) {
    place_ = Place::kEnd;
    return true;
  }
  if (place_ == Place::kTensor) {
    if (fields_ != kAll) {
      return fail(fmt::format("\"{}\" lacks dtype, shape or data_offsets", tensor_.name));
    }
    tensor_.begin = offsets_[0];
    tensor_.end = offsets_[1];
    header_.tensors.push_back(std::move(tensor_));
  }
  place_ = Place::kRoot;
  return true;
}

/// Bytes of a tensor of this shape; false on overflow.
bool checked_size(const TensorEntry& entry, std::uint64_t& size) {
  size = bytes_of(entry.type);
  for (const std::uint64_t extent : entry.shape) {
    if (__builtin_mul_overflow(size, extent, &size)) return false;
  }
  return true;
}

/// Tensors by offset: each starts where the one before ends, the last ends with the file.
Result<> check_offsets(SafetensorsHeader& header) {
  std::ranges::sort(header.tensors, {},
                    [](const TensorEntry& entry) { return std::pair(entry.begin, entry.end); });
  std::uint64_t position = 0;
  for (const TensorEntry& entry : header.tensors) {
    std::uint64_t size = 0;
    if (!checked_size(entry, size)) {
      return corrupt(fmt::format("the shape of \"{}\" is absurd", entry.name));
    }
    if (entry.begin > entry.end || entry.end > header.data_bytes) {
      return corrupt(
          fmt::format("\"{}\" lies outside the file: bytes {} to {} of {}; the file was "
                      "cut off or its header is damaged",
                      entry.name, entry.begin, entry.end, header.data_bytes));
    }
    if (entry.begin != position) {
      return corrupt(fmt::format("\"{}\" {} the tensor before it", entry.name,
                                 entry.begin < position ? "overlaps" : "leaves a hole after"));
    }
    if (entry.end - entry.begin != size) {
      return corrupt(fmt::format("\"{}\" has {} bytes where its shape [{}] needs {}", entry.name,
                                 entry.end - entry.begin, fmt::join(entry.shape, ", "), size));
    }
    position = entry.end;
  }
  if (position == header.data_bytes) return {};
  return corrupt(fmt::format("{} bytes follow the last tensor", header.data_bytes - position));
}

}  // namespace

std::size_t bytes_of(DataType type) {
  return std::ranges::find(kTypes, type, &TypeName::type)->bytes;
}

std::string_view to_string(DataType type) {
  return std::ranges::find(kTypes, type, &TypeName::type)->name;
}

const TensorEntry* SafetensorsHeader::find(std::string_view name) const {
  const auto it = std::ranges::find(tensors, name, &TensorEntry::name);
  return it == tensors.end() ? nullptr : &*it;
}

Result<SafetensorsHeader> parse_safetensors_header(std::string_view bytes,
                                                   std::uint64_t file_bytes) {
  std::uint64_t length = 0;
  if (bytes.size() < kPrefixBytes || file_bytes < bytes.size()) {
    return corrupt("it is too short for a safetensors file");
  }
  std::memcpy(&length, bytes.data(), kPrefixBytes);
  if (length > limits::kMaxSafetensorsHeaderBytes) {
    return corrupt(fmt::format("its header of {} bytes is larger than {}", length,
                               limits::kMaxSafetensorsHeaderBytes));
  }
  if (length > bytes.size() - kPrefixBytes) {
    return corrupt(fmt::format("its header of {} bytes does not fit into it", length));
  }
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(bytes.substr(kPrefixBytes, length), &reader)) {
    return corrupt(fmt::format("its header is damaged: {}", reader.reason()));
  }
  SafetensorsHeader header = reader.take();
  header.header_bytes = kPrefixBytes + length;
  header.data_bytes = file_bytes - header.header_bytes;
  BRIGADE_TRY(check_offsets(header));
  return header;
}

std::string make_safetensors_header(std::span<const TensorToWrite> tensors,
                                    const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json json;
  json[std::string(kMetadataName)] = metadata;
  std::uint64_t position = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::uint64_t end = position + tensor.data.size_bytes();
    json[tensor.name] = {{"dtype", to_string(DataType::kF32)},
                         {"shape", tensor.shape},
                         {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = json.dump();
  constexpr std::size_t kAlignment = 8;
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const std::uint64_t length = text.size();
  std::string header(kPrefixBytes, '\0');
  std::memcpy(header.data(), &length, kPrefixBytes);
  return header + text;
}

}  // namespace brigade::stage
