#include "stage_runtime/hugging_face.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "stage_runtime/layout.hpp"

namespace brigade::stage {
namespace {

using Json = nlohmann::json;

Error bad_field(const std::filesystem::path& file, std::string_view key, std::string_view wanted) {
  return make_error(ErrorCode::kBadInput,
                    fmt::format("{}: \"{}\" must be {}", file.string(), key, wanted));
}

Result<> read_size(const std::filesystem::path& file, const Json& json, const char* key,
                   std::uint32_t& out) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_number_unsigned() ||
      it->get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max()) {
    return bad_field(file, key, "a positive number");
  }
  out = static_cast<std::uint32_t>(it->get<std::uint64_t>());
  return {};
}

/// The field is absent or has the value that Brigade computes with.
Result<> expect(const std::filesystem::path& file, const Json& json, const char* key,
                const Json& value) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null() || *it == value) return {};
  return bad_field(file, key, value.dump());
}

Result<> check_architecture(const std::filesystem::path& file, const Json& json) {
  BRIGADE_TRY(expect(file, json, "model_type", "gpt2"));
  BRIGADE_TRY(expect(file, json, "scale_attn_weights", true));
  BRIGADE_TRY(expect(file, json, "scale_attn_by_inverse_layer_idx", false));
  BRIGADE_TRY(expect(file, json, "add_cross_attention", false));
  const Json activation = json.value("activation_function", Json("gelu_new"));
  if (activation != "gelu_new" && activation != "gelu_pytorch_tanh") {
    return bad_field(file, "activation_function", "\"gelu_new\"");
  }
  if (const auto it = json.find("n_inner"); it != json.end() && it->is_number_unsigned() &&
                                            *it != 4 * json.value("n_embd", std::uint64_t{0})) {
    return bad_field(file, "n_inner", "four times n_embd");
  }
  return {};
}

}  // namespace

Result<ModelShape> read_hugging_face_config(const std::filesystem::path& file) {
  BRIGADE_ASSIGN(const std::string text, read_file(file, limits::kMaxConfigBytes));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return make_error(ErrorCode::kBadInput, fmt::format("{}: it is no JSON object", file.string()));
  }
  ModelShape model;
  BRIGADE_TRY(read_size(file, json, "vocab_size", model.vocabulary));
  BRIGADE_TRY(read_size(file, json, "n_positions", model.context));
  BRIGADE_TRY(read_size(file, json, "n_embd", model.width));
  BRIGADE_TRY(read_size(file, json, "n_layer", model.blocks));
  BRIGADE_TRY(read_size(file, json, "n_head", model.heads));
  BRIGADE_TRY(check_architecture(file, json));
  if (const auto it = json.find("layer_norm_epsilon"); it != json.end() && it->is_number()) {
    model.layer_norm_epsilon = it->get<double>();
  }
  if (const auto it = json.find("initializer_range"); it != json.end() && it->is_number()) {
    model.init_std = it->get<double>();
  }
  const auto tied = json.find("tie_word_embeddings");  // absent: transformers ties
  model.tied_head = tied == json.end() || !tied->is_boolean() || tied->get<bool>();
  BRIGADE_TRY(check_shape(model));
  return model;
}

std::string hugging_face_config(const ModelShape& model) {
  const nlohmann::ordered_json json = {
      {"model_type", "gpt2"},
      {"architectures", {"GPT2LMHeadModel"}},
      {"vocab_size", model.vocabulary},
      {"n_positions", model.context},
      {"n_embd", model.width},
      {"n_layer", model.blocks},
      {"n_head", model.heads},
      {"activation_function", "gelu_new"},
      {"resid_pdrop", 0.0},
      {"embd_pdrop", 0.0},
      {"attn_pdrop", 0.0},
      {"layer_norm_epsilon", model.layer_norm_epsilon},
      {"initializer_range", model.init_std},
      {"tie_word_embeddings", model.tied_head},
      {"bos_token_id", 0},
      {"eos_token_id", 0},
      {"torch_dtype", "float32"},
  };
  return json.dump(2) + "\n";
}

}  // namespace brigade::stage
