// Weights and moments of a slice, gathered from files of any split.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "stage_runtime/checkpoint.hpp"

namespace brigade::stage {
namespace {

constexpr std::string_view kPrefix = "transformer.";  // Hugging Face files have it or not

struct Source {
  SafetensorsFile file;
  std::optional<CheckpointHeader> header;
};

struct Found {
  const Source* source = nullptr;
  const TensorEntry* entry = nullptr;
};

class Sources {
 public:
  static Result<Sources> open(std::span<const std::filesystem::path> files,
                              const ModelShape& model) {
    Sources sources;
    for (const auto& path : files) {
      BRIGADE_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
      BRIGADE_ASSIGN(std::optional<CheckpointHeader> header, read_checkpoint_header(file));
      if (header.has_value()) {
        BRIGADE_TRY(verify_checksum(file));
        BRIGADE_TRY(check_model(path, header->info.model, model));
      }
      sources.sources_.push_back({std::move(file), std::move(header)});
    }
    return sources;
  }

  Found find(std::string_view name) const {
    for (const Source& source : sources_) {
      if (const TensorEntry* entry = source.file.header().find(name)) return {&source, entry};
    }
    if (name.starts_with(kPrefix)) return find(name.substr(kPrefix.size()));
    return {};
  }

 private:
  /// What shapes of tensors don't tell: the number of heads and the norms' epsilon.
  static Result<> check_model(const std::filesystem::path& path, const ModelShape& stored,
                              const ModelShape& wanted) {
    const auto mismatch = [&](std::string_view field, auto have, auto need) {
      return make_error(ErrorCode::kBadInput,
                        fmt::format("{}: its model has {} = {}, this run {}; use the "
                                    "checkpoint's model",
                                    path.string(), field, have, need));
    };
    if (stored.heads != wanted.heads) return mismatch("heads", stored.heads, wanted.heads);
    if (stored.blocks != wanted.blocks) return mismatch("blocks", stored.blocks, wanted.blocks);
    if (stored.layer_norm_epsilon != wanted.layer_norm_epsilon) {
      return mismatch("layer_norm_epsilon", stored.layer_norm_epsilon, wanted.layer_norm_epsilon);
    }
    return {};
  }

  std::vector<Source> sources_;
};

Result<> copy_tensor(const Found& found, const Parameter& parameter, std::span<float> out) {
  const bool is_same_shape = std::ranges::equal(
      found.entry->shape, parameter.shape,
      [](std::uint64_t have, std::int64_t need) { return std::cmp_equal(have, need); });
  if (!is_same_shape) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("{}: \"{}\" has shape [{}], the model needs [{}]",
                    found.source->file.path().string(), found.entry->name,
                    fmt::join(found.entry->shape, ", "), fmt::join(parameter.shape, ", ")));
  }
  BRIGADE_TRY(found.source->file.read(*found.entry, out));
  if (std::ranges::all_of(out, [](float value) { return std::isfinite(value); })) return {};
  return make_error(ErrorCode::kCorrupt,
                    fmt::format("{}: \"{}\" holds values that are not finite",
                                found.source->file.path().string(), found.entry->name));
}

/// A head that was trained apart from the embedding can't become tied again.
Result<> check_tying(const Sources& sources, const Layout& layout) {
  if (layout.find(kTokenEmbedding) == nullptr || layout.find(kFinalNormGain) == nullptr ||
      layout.find(kHead) != nullptr) {
    return {};
  }
  const Found head = sources.find(kHead);
  const Found embedding = sources.find(kTokenEmbedding);
  if (head.entry == nullptr || embedding.entry == nullptr) return {};
  const auto head_bytes = head.source->file.data(*head.entry);
  const auto embedding_bytes = embedding.source->file.data(*embedding.entry);
  if (std::ranges::equal(head_bytes, embedding_bytes)) return {};
  return make_error(ErrorCode::kBadInput,
                    fmt::format("{}: its head is not tied to the embedding (more than one stage "
                                "unties it); set tied_head = false",
                                head.source->file.path().string()));
}

/// Of a file that was written by the same optimiser; else as at the start.
OptimizerCounters counters_of(const Source& source, OptimizerKind optimizer) {
  if (!source.header.has_value() || source.header->optimizer != optimizer) return {};
  return source.header->counters;
}

}  // namespace

Result<OptimizerCounters> restore_state(std::span<const std::filesystem::path> files,
                                        const RestoreTarget& target) {
  BRIGADE_ASSIGN(const Sources sources, Sources::open(files, target.model));
  BRIGADE_TRY(check_tying(sources, target.layout));
  std::ranges::fill(target.weights, 0.0F);
  for (const std::span<float> moment : target.moments) std::ranges::fill(moment, 0.0F);

  std::optional<OptimizerCounters> counters;
  for (const Parameter& parameter : target.layout.parameters()) {
    Found found = sources.find(parameter.name);
    // Files of a tied model have no head of their own; apart from its embedding it is a copy.
    if (found.entry == nullptr && parameter.name == kHead) found = sources.find(kTokenEmbedding);
    if (found.entry == nullptr) {
      return make_error(ErrorCode::kNotFound,
                        fmt::format("none of {} checkpoint files holds \"{}\"; give the files of "
                                    "all stages",
                                    files.size(), parameter.name));
    }
    BRIGADE_TRY(
        copy_tensor(found, parameter, target.weights.subspan(parameter.offset, parameter.size)));
    if (!counters.has_value()) counters = counters_of(*found.source, target.optimizer);
    if (counters->steps == 0) continue;
    for (std::size_t i = 0; i < kMoments; ++i) {
      const Found moment = sources.find(moment_tensor(i, parameter, target.optimizer));
      if (moment.entry == nullptr || target.moments[i].empty()) continue;
      BRIGADE_TRY(copy_tensor(moment, parameter,
                              target.moments[i].subspan(parameter.offset, parameter.size)));
    }
  }
  return counters.value_or(OptimizerCounters{});
}

}  // namespace brigade::stage
