#include "stage_runtime/checkpoint.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <array>
#include <memory>

#include "stage_runtime/checkpoint_metadata.hpp"

namespace brigade::stage {
namespace {

constexpr std::string_view kZeroDigest = "0000000000000000";

/// Where the digest's digits stand. Unambiguous: inside a JSON text the quotes would be escaped.
std::size_t find_digest(std::string_view header) {
  const std::string before = fmt::format("\"{}\":\"", kChecksumKey);
  const std::size_t at = header.find(before);
  const bool fits =
      at != std::string_view::npos && at + before.size() + kZeroDigest.size() <= header.size();
  return fits ? at + before.size() : std::string_view::npos;
}

class Checksum {
 public:
  Checksum() : state_(XXH3_createState(), XXH3_freeState) { XXH3_64bits_reset(state_.get()); }
  void add(std::string_view bytes) { XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()); }
  void add(std::span<const float> values) {
    XXH3_64bits_update(state_.get(), values.data(), values.size_bytes());
  }
  std::string digest() const { return fmt::format("{:016x}", XXH3_64bits_digest(state_.get())); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

std::vector<TensorToWrite> tensors_of(const Snapshot& snapshot) {
  std::vector<TensorToWrite> tensors;
  const auto add = [&](std::string name, const Parameter& parameter, const HostBuffer& buffer) {
    tensors.push_back({std::move(name),
                       {parameter.shape.begin(), parameter.shape.end()},
                       buffer.span().subspan(parameter.offset, parameter.size)});
  };
  for (const Parameter& parameter : snapshot.layout.parameters()) {
    add(parameter.name, parameter, snapshot.weights);
  }
  for (std::size_t i = 0; i < kMoments; ++i) {
    for (const Parameter& parameter : snapshot.layout.parameters()) {
      add(moment_tensor(i, parameter, snapshot.optimizer), parameter, snapshot.moments[i]);
    }
  }
  return tensors;
}

}  // namespace

std::string moment_tensor(std::size_t index, const Parameter& parameter, OptimizerKind optimizer) {
  const bool is_direction =
      index == 1 && optimizer == OptimizerKind::kMuon && parameter.kind == ParameterKind::kMatrix;
  const std::string_view name = is_direction ? "direction" : index == 0 ? "exp_avg" : "exp_avg_sq";
  return fmt::format("optimizer.{}.{}", name, parameter.name);
}

Result<> write_snapshot(const Snapshot& snapshot, const CheckpointInfo& info,
                        const std::filesystem::path& file) {
  CheckpointHeader description{info, snapshot.method, snapshot.optimizer, snapshot.counters};
  description.info.model = snapshot.model;
  description.info.slice = snapshot.slice;
  const std::vector<TensorToWrite> tensors = tensors_of(snapshot);
  std::string header =
      make_safetensors_header(tensors, {{"format", "pt"},
                                        {std::string(kMetadataKey), to_json(description)},
                                        {std::string(kChecksumKey), std::string(kZeroDigest)}});
  Checksum checksum;
  checksum.add(header);
  for (const TensorToWrite& tensor : tensors) checksum.add(tensor.data);
  header.replace(find_digest(header), kZeroDigest.size(), checksum.digest());
  return write_safetensors(file, header, tensors);
}

Result<> verify_checksum(const SafetensorsFile& file) {
  const std::string_view bytes = file.bytes();
  const std::size_t header_bytes = file.header().header_bytes;
  const std::size_t at = find_digest(bytes.substr(0, header_bytes));
  if (at == std::string_view::npos) {
    return make_error(ErrorCode::kCorrupt,
                      fmt::format("{}: it has no checksum of Brigade's", file.path().string()));
  }
  Checksum checksum;
  checksum.add(bytes.substr(0, at));
  checksum.add(kZeroDigest);
  checksum.add(bytes.substr(at + kZeroDigest.size()));
  const std::string_view stored = bytes.substr(at, kZeroDigest.size());
  if (checksum.digest() == stored) return {};
  return make_error(
      ErrorCode::kCorrupt,
      fmt::format("{}: checksum {} where its header says {}; the file is damaged, use "
                  "an older checkpoint",
                  file.path().string(), checksum.digest(), stored));
}

Result<std::optional<CheckpointHeader>> read_checkpoint_header(const SafetensorsFile& file) {
  const auto& metadata = file.header().metadata;
  const auto it = metadata.find(std::string(kMetadataKey));
  if (it == metadata.end()) return std::optional<CheckpointHeader>();
  auto header = parse_checkpoint_header(it->second);
  if (header.has_value()) return std::optional(std::move(header).value());
  return make_error(header.error().code,
                    fmt::format("{}: {}", file.path().string(), header.error().message));
}

Result<CheckpointInfo> verify_checkpoint(const std::filesystem::path& file) {
  BRIGADE_ASSIGN(const SafetensorsFile opened, SafetensorsFile::open(file));
  BRIGADE_ASSIGN(const std::optional<CheckpointHeader> header, read_checkpoint_header(opened));
  if (!header.has_value()) {
    return make_error(ErrorCode::kCorrupt,
                      fmt::format("{}: it is no checkpoint of Brigade's", file.string()));
  }
  BRIGADE_TRY(verify_checksum(opened));
  return header->info;
}

}  // namespace brigade::stage
