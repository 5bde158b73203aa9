#include "stage_runtime/safetensors.hpp"

#include <cstring>

#include "base/random.hpp"
#include "tests/catch.hpp"
#include "tests/unit/weights/fixtures.hpp"

namespace brigade::stage {
namespace {

std::string file_of(const std::string& json, std::size_t data_bytes) {
  const std::uint64_t length = json.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + json + std::string(data_bytes, '\x01');
}

std::string why_refused(const std::string& json, std::size_t data_bytes) {
  const std::string bytes = file_of(json, data_bytes);
  const auto header = parse_safetensors_header(bytes, bytes.size());
  if (header.has_value()) return "";
  CHECK(header.error().code == ErrorCode::kCorrupt);
  return header.error().message;
}

const std::string kGood =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("b":{"dtype":"F16","shape":[],"data_offsets":[24,26]}})";

}  // namespace

TEST_CASE("a sound header is read in full") {
  const std::string bytes = file_of(kGood, 26);
  const auto header = parse_safetensors_header(bytes, bytes.size());
  REQUIRE(header.has_value());
  CHECK(header.value().metadata.at("format") == "pt");
  REQUIRE(header.value().find("a") != nullptr);
  CHECK(header.value().find("a")->shape == std::vector<std::uint64_t>{2, 3});
  CHECK(header.value().find("b")->type == DataType::kF16);
  CHECK(header.value().find("b")->elements() == 1);
  CHECK(header.value().find("c") == nullptr);
  CHECK(header.value().data_bytes == 26);
}

TEST_CASE("a header cut off at any byte is refused") {
  const std::string bytes = file_of(kGood, 26);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto header = parse_safetensors_header(bytes.substr(0, size), size);
    REQUIRE(header.has_error());
    CHECK(header.error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("headers that lie are refused, each with its reason") {
  const auto one = [](const std::string& fields) { return R"({"a":{)" + fields + "}}"; };
  const auto contains = [](const std::string& text, const char* part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  contains(why_refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 4), "outside");
  contains(why_refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8), "outside");
  contains(why_refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), 12), "hole");
  contains(why_refused(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8), "needs 12");
  contains(why_refused(one(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])"), 8), "dtype");
  contains(why_refused(one(R"("dtype":"F32","shape":[2])"), 8), "lacks");
  contains(why_refused(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8), "negative");
  contains(why_refused(one(R"("dtype":"F32","shape":[2.5],"data_offsets":[0,8])"), 8), "fraction");
  contains(why_refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), 8), "data_offsets");
  contains(why_refused(one(R"("dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8])"), 8),
           "twice");
  contains(
      why_refused(one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"), 8),
      "absurd");
  contains(why_refused(one(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])"), 8),
           "too long");
  contains(why_refused(one(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])"), 8), "list");
  contains(why_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                       R"("a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
                       16),
           "twice");
  contains(why_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                       R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                       12),
           "overlaps");
  contains(why_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 9), "follow");
  contains(why_refused(R"({"__metadata__":{"k":1}})", 0), "number");
  contains(why_refused(R"({"__metadata__":{"k":{"l":"m"}}})", 0), "object");
  contains(why_refused("[1]", 0), "list");
  contains(why_refused("{} {}", 0), "no JSON");
  contains(why_refused("", 0), "no JSON");
  contains(why_refused(std::string(100'000, '['), 0), "list");
}

TEST_CASE("a length prefix beyond the bound is refused before anything is allocated") {
  std::string bytes(16, '\xff');
  const auto header = parse_safetensors_header(bytes, bytes.size());
  REQUIRE(header.has_error());
  CHECK(header.error().message.find("larger than") != std::string::npos);
}

TEST_CASE("random damage to a header is refused or gives a header that is sound") {
  const std::string good = file_of(kGood, 26);
  Random random(20'26);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
      bytes[random.below(bytes.size() - 26)] ^= static_cast<char>(1U << random.below(8));
    }
    const auto header = parse_safetensors_header(bytes, bytes.size());
    if (header.has_error()) continue;
    std::uint64_t end = 0;
    for (const TensorEntry& entry : header.value().tensors) {
      CHECK(entry.begin == end);
      end = entry.end;
    }
    CHECK(end == header.value().data_bytes);
  }
}

TEST_CASE("half and bfloat16 tensors are read as the numbers they are") {
  const TemporaryFolder folder;
  const std::vector<std::uint16_t> half{0x3c00, 0xc000, 0x0001, 0x8000, 0x7c00, 0x7bff};
  const std::vector<std::uint16_t> brain{0x3f80, 0xc000};
  std::string bytes = file_of(R"({"h":{"dtype":"F16","shape":[6],"data_offsets":[0,12]},)"
                              R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]}})",
                              0);
  bytes.append(reinterpret_cast<const char*>(half.data()), 12);
  bytes.append(reinterpret_cast<const char*>(brain.data()), 4);
  write_bytes(folder / "x.safetensors", bytes);
  const auto file = SafetensorsFile::open(folder / "x.safetensors");
  REQUIRE(file.has_value());
  std::vector<float> values(6);
  REQUIRE(file.value().read(*file.value().header().find("h"), values).has_value());
  CHECK(values == std::vector<float>{1.0F, -2.0F, 0x1p-24F, -0.0F, INFINITY, 65504.0F});
  values.resize(2);
  REQUIRE(file.value().read(*file.value().header().find("b"), values).has_value());
  CHECK(values == std::vector<float>{1.0F, -2.0F});
}

TEST_CASE("a missing, an empty and an integer file are refused by name") {
  const TemporaryFolder folder;
  CHECK(SafetensorsFile::open(folder / "none").error().code == ErrorCode::kNotFound);
  CHECK(SafetensorsFile::open(folder.path()).error().code == ErrorCode::kIo);
  write_bytes(folder / "empty", "");
  CHECK(SafetensorsFile::open(folder / "empty").error().code == ErrorCode::kCorrupt);
  write_bytes(folder / "int",
              file_of(R"({"i":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})", 4));
  const auto file = SafetensorsFile::open(folder / "int");
  REQUIRE(file.has_value());
  std::vector<float> value(1);
  const auto read = file.value().read(*file.value().header().find("i"), value);
  REQUIRE(read.has_error());
  CHECK(read.error().message.find("I32") != std::string::npos);
}

}  // namespace brigade::stage
