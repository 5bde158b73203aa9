#include "tests/vectors/vector_case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "stage_runtime/hugging_face.hpp"
#include "stage_runtime/method/method.hpp"
#include "stage_runtime/safetensors.hpp"

namespace brigade::vectors {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxCaseBytes = 256u * 1024 * 1024;
constexpr std::string_view kFinal = ".final.safetensors";

Result<TokenSet> read_tokens(const std::filesystem::path& path) {
  BRIGADE_ASSIGN(const auto file, stage::SafetensorsFile::open(path));
  const stage::TensorEntry* entry = file.header().find("tokens");
  if (entry == nullptr || entry->type != stage::DataType::kI32 || entry->shape.size() != 3 ||
      entry->elements() == 0 || entry->shape[2] < 2) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("{}: needs \"tokens\", I32 [micro-batches, batch, T + 1]", path.string()));
  }
  TokenSet set;
  set.microbatches = static_cast<std::uint32_t>(entry->shape[0]);
  set.batch = static_cast<std::uint32_t>(entry->shape[1]);
  set.length = static_cast<std::uint32_t>(entry->shape[2] - 1);
  set.tokens.resize(entry->elements());
  std::memcpy(set.tokens.data(), file.data(*entry).data(), file.data(*entry).size());
  return set;
}

/// The method whose name says what the case's fields say.
std::string method_name(const Json& method) {
  const std::string schedule = method.at("sched");
  const bool is_nadam = method.at("opt") == "nadam";
  const bool stashes = method.at("backward") == "stash";
  const bool corrects = method.value("lr_corr", false);
  const bool grades_momentum = method.value("stage_momentum", false);
  if (method.at("opt") == "muon") return "nesterov-muon";
  if (schedule == "sync") return is_nadam ? "" : "gpipe";
  if (schedule == "2bw") return is_nadam ? "" : "2bw";
  if (stashes) return corrects || grades_momentum ? "" : is_nadam ? "nesterov-stash" : "pipedream";
  if (is_nadam) return corrects && grades_momentum ? "nesterov" : "";
  if (grades_momentum) return "";
  if (corrects) return "pipemare";
  return method.at("K").get<int>() > 1 ? "paci" : "async";
}

void read_method(const Json& json, VectorCase& result) {
  const Json& method = json.at("method");
  stage::MethodSettings& settings = result.method;
  settings.name = method_name(method);
  settings.accumulate = method.at("K");
  settings.tau_source = stage::TauSource::kNominal;
  settings.learning_rate = json.at("lr");
  settings.final_ratio = 0.1;
  settings.warmup_start = 1e-7;
  settings.total_updates = json.at("updates");
  settings.warmup_updates = json.at("warmup_updates");
  settings.correction_updates = json.at("T_updates");
  settings.weight_decay = method.at("wd");
  settings.clip = method.at("clip");
  settings.beta1 = method.at("b1");
  settings.beta2 = method.at("b2");
  settings.beta1_max =
      settings.name == "nesterov-stash" ? settings.beta1 : method.value("b1_max", 0.99);
  settings.epsilon = method.value("eps", 1e-8);
  settings.momentum_decay = method.value("psi", 0.004);
  result.recompute = method.at("backward") == "recompute";
  result.order = method.at("sched") == "sync" ? Order::kSynchronous : Order::kAsynchronous;
}

Result<VectorCase> parse_case(const Json& json, const std::string& name) {
  VectorCase result;
  result.name = name;
  read_method(json, result);
  result.microbatches = json.at("n_mb");
  for (const Json& layers : json.at("stage_layers")) {
    result.blocks.push_back(static_cast<std::uint32_t>(layers.size()));
  }
  result.losses = json.at("losses").get<std::vector<double>>();
  result.has_final_loss = json.contains("final_loss_on_mb0");
  if (result.has_final_loss) result.final_loss = json.at("final_loss_on_mb0");
  const auto method = stage::find_method(result.method.name);
  if (method.has_error()) {
    return make_error(ErrorCode::kUnsupported,
                      fmt::format("{}: its method ({}) is not implemented", name,
                                  json.at("method").value("name", "unnamed")));
  }
  return result;
}

}  // namespace

std::span<const std::int32_t> TokenSet::microbatch(std::uint32_t index) const {
  const std::size_t size = std::size_t{batch} * (length + 1);
  return std::span(tokens).subspan(index * size, size);
}

Result<VectorFolder> open_folder(const std::filesystem::path& path) {
  VectorFolder folder{.path = path, .model = {}, .tokens = {}};
  BRIGADE_ASSIGN(folder.model, stage::read_hugging_face_config(path / "model" / "config.json"));
  BRIGADE_ASSIGN(folder.tokens, read_tokens(path / "tokens.safetensors"));
  return folder;
}

Result<std::vector<std::string>> list_cases(const std::filesystem::path& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with("opt_") && file.ends_with(".safetensors")) {
      names.push_back(entry.path().stem().string());
    } else if (file.ends_with(kFinal)) {
      names.push_back(file.substr(0, file.size() - kFinal.size()));
    }
  }
  if (error) {
    return make_error(ErrorCode::kNotFound, fmt::format("{}: {}", path.string(), error.message()));
  }
  std::ranges::sort(names);
  return names;
}

Result<VectorCase> read_case(const VectorFolder& folder, const std::string& name) {
  const auto path = folder.path / (name + ".json");
  BRIGADE_ASSIGN(const std::string text, read_file(path, kMaxCaseBytes));
  try {
    BRIGADE_ASSIGN(VectorCase result, parse_case(Json::parse(text), name));
    if (result.losses.size() == result.microbatches &&
        result.microbatches <= folder.tokens.microbatches) {
      return result;
    }
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: losses and tokens do not match n_mb = {}", path.string(),
                                  result.microbatches));
  } catch (const Json::exception& error) {
    return make_error(ErrorCode::kBadInput, fmt::format("{}: {}", path.string(), error.what()));
  }
}

}  // namespace brigade::vectors
