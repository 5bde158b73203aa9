#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.hpp"
#include "base/file.hpp"
#include "stage_runtime/safetensors.hpp"

namespace brigade::stage {
namespace {

Error failed_to_read(const std::filesystem::path& file, int code) {
  const ErrorCode kind = code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return make_error(kind, fmt::format("{}: can't be read: {}", file.string(),
                                      std::generic_category().message(code)));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int value() const { return value_; }

 private:
  int value_;
};

float from_half(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half} >> 15 << 31;
  const std::uint32_t exponent = half >> 10 & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112U) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
  return sign != 0 ? -magnitude : magnitude;
}

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

template <class Convert>
void read_halves(std::span<const std::byte> bytes, std::span<float> out, const Convert& convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * sizeof bits, sizeof bits);
    out[i] = convert(bits);
  }
}

}  // namespace

struct SafetensorsFile::Mapping {
  std::filesystem::path path;
  SafetensorsHeader header;
  void* data = nullptr;
  std::size_t size = 0;

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data != nullptr) ::munmap(data, size);
  }
};

SafetensorsFile::SafetensorsFile(std::unique_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& file) {
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.value() < 0) return failed_to_read(file, errno);
  struct stat status {};
  if (::fstat(descriptor.value(), &status) != 0) return failed_to_read(file, errno);
  if (!S_ISREG(status.st_mode)) return failed_to_read(file, EINVAL);
  if (status.st_size == 0) {
    return make_error(ErrorCode::kCorrupt, fmt::format("{}: the file is empty", file.string()));
  }
  auto mapping = std::make_unique<Mapping>();
  mapping->path = file;
  mapping->size = static_cast<std::size_t>(status.st_size);
  void* data = ::mmap(nullptr, mapping->size, PROT_READ, MAP_PRIVATE, descriptor.value(), 0);
  if (data == MAP_FAILED) return failed_to_read(file, errno);
  mapping->data = data;
  auto header =
      parse_safetensors_header({static_cast<const char*>(data), mapping->size}, mapping->size);
  if (header.has_error()) {
    return make_error(header.error().code,
                      fmt::format("{}: {}", file.string(), header.error().message));
  }
  mapping->header = std::move(header).value();
  return SafetensorsFile(std::move(mapping));
}

const std::filesystem::path& SafetensorsFile::path() const {
  return mapping_->path;
}

const SafetensorsHeader& SafetensorsFile::header() const {
  return mapping_->header;
}

std::string_view SafetensorsFile::bytes() const {
  return {static_cast<const char*>(mapping_->data), mapping_->size};
}

std::span<const std::byte> SafetensorsFile::data(const TensorEntry& entry) const {
  const auto* start = static_cast<const std::byte*>(mapping_->data) + mapping_->header.header_bytes;
  return {start + entry.begin, entry.end - entry.begin};
}

Result<> SafetensorsFile::read(const TensorEntry& entry, std::span<float> out) const {
  BRIGADE_CHECK(out.size() == entry.elements());
  const std::span<const std::byte> bytes = data(entry);
  switch (entry.type) {
    case DataType::kF32:
      std::memcpy(out.data(), bytes.data(), bytes.size());
      return {};
    case DataType::kF16:
      read_halves(bytes, out, from_half);
      return {};
    case DataType::kBF16:
      read_halves(bytes, out, from_bfloat16);
      return {};
    default:
      return make_error(ErrorCode::kCorrupt,
                        fmt::format("{}: \"{}\" is {}; weights must be F32, F16 or BF16",
                                    path().string(), entry.name, to_string(entry.type)));
  }
}

Result<> write_safetensors(const std::filesystem::path& file, std::string_view header,
                           std::span<const TensorToWrite> tensors) {
  const auto write = [&]() -> Result<> {
    BRIGADE_ASSIGN(AtomicFile out, AtomicFile::create(file));
    BRIGADE_TRY(out.write(header));
    for (const TensorToWrite& tensor : tensors) {
      BRIGADE_TRY(out.write(std::as_bytes(tensor.data)));
    }
    return out.commit();
  };
  auto written = write();
  if (written.has_value()) return {};
  std::size_t bytes = header.size();
  for (const TensorToWrite& tensor : tensors) bytes += tensor.data.size_bytes();
  return make_error(written.error().code,
                    fmt::format("{}; {} bytes are needed, make room or choose another folder",
                                written.error().message, bytes));
}

}  // namespace brigade::stage
