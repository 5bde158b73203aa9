// Which files make up a model, and its export as one Hugging Face folder. No torch.
#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"
#include "stage_runtime/checkpoint.hpp"
#include "stage_runtime/hugging_face.hpp"
#include "stage_runtime/language_model.hpp"

namespace brigade::stage {
namespace {

constexpr std::string_view kConfigFile = "config.json";
constexpr std::string_view kWeightsFile = "model.safetensors";
constexpr std::string_view kWeightsSuffix = ".safetensors";

Error no_model(const std::filesystem::path& folder, std::string_view why) {
  return make_error(ErrorCode::kNotFound,
                    fmt::format("{}: holds no model: {}; give a checkpoint folder or a Hugging "
                                "Face folder",
                                folder.string(), why));
}

Result<std::vector<std::filesystem::path>> weight_files(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == kWeightsSuffix) files.push_back(entry.path());
  }
  if (error) return no_model(folder, error.message());
  if (files.empty()) return no_model(folder, "no *.safetensors file");
  std::ranges::sort(files);
  return files;
}

/// The shape as it was trained: more than one stage unties the head.
ModelShape effective_shape(const CheckpointInfo& info) {
  ModelShape model = info.model;
  model.tied_head = model.tied_head && info.slice.stages == 1;
  return model;
}

/// One line of stages: the same split, the same position, every stage once.
Result<> check_complete(std::span<const CheckpointInfo> stages,
                        std::span<const std::filesystem::path> files) {
  const CheckpointInfo& first = stages.front();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (stages[i].slice.stages == first.slice.stages && stages[i].position == first.position &&
        stages[i].epoch == first.epoch) {
      continue;
    }
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{} and {} are of different checkpoints; give the files of one",
                                  files.front().string(), files[i].string()));
  }
  for (std::uint32_t stage = 0; stage < first.slice.stages; ++stage) {
    if (std::ranges::count(stages, stage,
                           [](const CheckpointInfo& info) { return info.slice.stage; }) == 1) {
      continue;
    }
    return make_error(ErrorCode::kNotFound,
                      fmt::format("{}: stage {} of {} is not among the checkpoint's files exactly "
                                  "once",
                                  files.front().parent_path().string(), stage, first.slice.stages));
  }
  return {};
}

Result<ModelFiles> from_checkpoints(std::vector<std::filesystem::path> files) {
  std::vector<CheckpointInfo> stages;
  for (const auto& path : files) {
    BRIGADE_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(path));
    BRIGADE_ASSIGN(const auto header, read_checkpoint_header(file));
    if (!header.has_value()) {
      return make_error(ErrorCode::kBadInput,
                        fmt::format("{}: it is no checkpoint of Brigade's and has no {} beside it",
                                    path.string(), kConfigFile));
    }
    stages.push_back(header->info);
  }
  BRIGADE_TRY(check_complete(stages, files));
  const auto head =
      std::ranges::find_if(stages, [](const CheckpointInfo& info) { return info.slice.is_head(); });
  return ModelFiles{effective_shape(*head), std::move(files), *head};
}

}  // namespace

Result<ModelFiles> find_model(const std::filesystem::path& folder) {
  BRIGADE_ASSIGN(auto files, weight_files(folder));
  if (!std::filesystem::exists(folder / kConfigFile)) return from_checkpoints(std::move(files));
  BRIGADE_ASSIGN(const ModelShape model, read_hugging_face_config(folder / kConfigFile));
  return ModelFiles{model, std::move(files), std::nullopt};
}

Result<ModelFiles> find_model(std::span<const std::filesystem::path> files) {
  if (files.empty()) return make_error(ErrorCode::kBadInput, "no checkpoint file was given");
  return from_checkpoints({files.begin(), files.end()});
}

Result<> export_hugging_face(const ModelFiles& files, const std::filesystem::path& folder) {
  const Slice whole{.stage = 0, .stages = 1, .first_block = 0, .blocks = files.model.blocks};
  const Layout layout = Layout::make(files.model, whole);
  HostBuffer weights(layout.buffer_size());
  BRIGADE_TRY(restore_state(files.weights, {files.model, layout, weights.span(), {}}));

  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return make_error(ErrorCode::kIo,
                      fmt::format("{}: can't be made: {}", folder.string(), error.message()));
  }
  std::vector<TensorToWrite> tensors;
  for (const Parameter& parameter : layout.parameters()) {
    tensors.push_back({parameter.name,
                       {parameter.shape.begin(), parameter.shape.end()},
                       weights.span().subspan(parameter.offset, parameter.size)});
  }
  BRIGADE_TRY(write_safetensors(folder / kWeightsFile,
                                make_safetensors_header(tensors, {{"format", "pt"}}), tensors));
  return write_file_atomically(folder / kConfigFile, hugging_face_config(files.model));
}

}  // namespace brigade::stage
