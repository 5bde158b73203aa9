// safetensors files, read and written: 8 bytes of header length, a JSON header, the data. Headers
// come from disks and from the network: nothing in them is believed before it is checked, and the
// reader works on a read-only mapping.
//
// Refused as kCorrupt, with the reason: a header that does not fit the file or is no JSON object,
// a name twice, an unknown dtype, a shape whose size overflows or is not that of its bytes, offsets
// outside the data, in the wrong order, overlapping or with holes. Bounds:
// limits::kMaxSafetensors*.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace brigade::stage {

enum class DataType : std::uint8_t { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

std::size_t bytes_of(DataType type);
std::string_view to_string(DataType type);

struct TensorEntry {
  std::string name;
  DataType type = DataType::kF32;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;  // bytes, from the start of the data
  std::uint64_t end = 0;
  std::uint64_t elements() const { return (end - begin) / bytes_of(type); }
};

struct SafetensorsHeader {
  std::uint64_t header_bytes = 0;  // length prefix and JSON: where the data starts
  std::uint64_t data_bytes = 0;
  std::vector<TensorEntry> tensors;             // by offset
  std::map<std::string, std::string> metadata;  // "__metadata__"
  /// Null if there is no such tensor.
  const TensorEntry* find(std::string_view name) const;
};

/// `bytes` is the start of a file of `file_bytes` bytes: at least its header.
Result<SafetensorsHeader> parse_safetensors_header(std::string_view bytes,
                                                   std::uint64_t file_bytes);

/// A file mapped read-only.
class SafetensorsFile {
 public:
  /// kNotFound, kIo, kCorrupt; messages name the file.
  static Result<SafetensorsFile> open(const std::filesystem::path& file);
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

  const std::filesystem::path& path() const;
  const SafetensorsHeader& header() const;
  std::string_view bytes() const;  // the whole file
  std::span<const std::byte> data(const TensorEntry& entry) const;
  /// F32, F16 and BF16 tensors as fp32; `out` has entry.elements() elements. kCorrupt for others.
  Result<> read(const TensorEntry& entry, std::span<float> out) const;

 private:
  struct Mapping;
  explicit SafetensorsFile(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

struct TensorToWrite {
  std::string name;
  std::vector<std::uint64_t> shape;
  std::span<const float> data;  // F32
};

/// The length prefix and the JSON header, padded with spaces to a multiple of 8 bytes; the tensors'
/// data follow in the order given, without gaps.
std::string make_safetensors_header(std::span<const TensorToWrite> tensors,
                                    const std::map<std::string, std::string>& metadata);

/// Header and data as one file, atomically (base/file.hpp): old or new, never half written.
Result<> write_safetensors(const std::filesystem::path& file, std::string_view header,
                           std::span<const TensorToWrite> tensors);

}  // namespace brigade::stage
