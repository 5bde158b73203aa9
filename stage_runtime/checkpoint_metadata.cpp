#include "stage_runtime/checkpoint_metadata.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/limits.hpp"
#include "stage_runtime/layout.hpp"

namespace brigade::stage {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 2;
constexpr std::size_t kMaxShownName = 40;

/// Reads fields and remembers the first that is not as it must be.
class FieldReader {
 public:
  explicit FieldReader(const Json& object) : object_(object) {}

  const Json& at(const char* key) {
    static const Json kNothing;
    const auto it = object_.find(key);
    if (it != object_.end()) return *it;
    fail(key);
    return kNothing;
  }
  FieldReader object(const char* key) { return FieldReader(at(key)); }

  template <class Integer>
  void read(const char* key, Integer& out) {
    const Json& value = at(key);
    if (!value.is_number_unsigned() ||
        value.get<std::uint64_t>() > std::numeric_limits<Integer>::max()) {
      return fail(key);
    }
    out = static_cast<Integer>(value.get<std::uint64_t>());
  }
  void read(const char* key, double& out) {
    const Json& value = at(key);
    if (!value.is_number() || !std::isfinite(value.get<double>())) return fail(key);
    out = value.get<double>();
  }
  void read(const char* key, bool& out) {
    const Json& value = at(key);
    if (!value.is_boolean()) return fail(key);
    out = value.get<bool>();
  }
  void read(const char* key, std::string& out) {
    const Json& value = at(key);
    if (!value.is_string()) return fail(key);
    out = value.get<std::string>();
  }
  void read(const char* key, std::vector<std::uint64_t>& out) {
    const Json& value = at(key);
    if (!value.is_array() || value.size() > limits::kMaxInFlight) return fail(key);
    for (const Json& element : value) {
      if (!element.is_number_unsigned()) return fail(key);
      out.push_back(element.get<std::uint64_t>());
    }
  }
  Result<> result() const {
    if (bad_.empty()) return {};
    return make_error(ErrorCode::kCorrupt,
                      fmt::format("its metadata has no sound \"{}\"; the file is damaged or of a "
                                  "newer version",
                                  bad_));
  }

 private:
  void fail(const char* key) {
    if (bad_.empty()) bad_ = key;
  }

  const Json& object_;
  std::string bad_;
};

Result<ModelShape> read_model(FieldReader fields) {
  ModelShape model;
  fields.read("vocabulary", model.vocabulary);
  fields.read("context", model.context);
  fields.read("width", model.width);
  fields.read("blocks", model.blocks);
  fields.read("heads", model.heads);
  fields.read("tied_head", model.tied_head);
  fields.read("layer_norm_epsilon", model.layer_norm_epsilon);
  fields.read("init_std", model.init_std);
  BRIGADE_TRY(fields.result());
  return model;
}

Result<Slice> read_slice(FieldReader fields) {
  Slice slice;
  fields.read("stage", slice.stage);
  fields.read("stages", slice.stages);
  fields.read("first_block", slice.first_block);
  fields.read("blocks", slice.blocks);
  BRIGADE_TRY(fields.result());
  return slice;
}

Result<OptimizerKind> read_optimizer(FieldReader fields) {
  std::string name;
  fields.read("name", name);
  BRIGADE_TRY(fields.result());
  if (const auto kind = find_optimizer(name)) return *kind;
  return make_error(ErrorCode::kCorrupt,
                    fmt::format("its metadata names the optimiser \"{}\", which this version does "
                                "not know",
                                name.substr(0, kMaxShownName)));
}

Result<OptimizerCounters> read_counters(FieldReader fields) {
  OptimizerCounters counters;
  fields.read("steps", counters.steps);
  fields.read("beta1_product", counters.beta1_product);
  fields.read("mu_product", counters.mu_product);
  fields.read("ahead", counters.ahead);
  BRIGADE_TRY(fields.result());
  return counters;
}

}  // namespace

std::string to_json(const CheckpointHeader& header) {
  const ModelShape& model = header.info.model;
  const Slice& slice = header.info.slice;
  const Json json = {
      {"format", kFormat},
      {"epoch", header.info.epoch},
      {"position", header.info.position},
      {"next_sequence", header.info.next_sequence},
      {"applied_ahead", header.info.applied_ahead},
      {"version", header.info.version},
      {"method", header.method},
      {"model",
       {{"vocabulary", model.vocabulary},
        {"context", model.context},
        {"width", model.width},
        {"blocks", model.blocks},
        {"heads", model.heads},
        {"tied_head", model.tied_head},
        {"layer_norm_epsilon", model.layer_norm_epsilon},
        {"init_std", model.init_std}}},
      {"slice",
       {{"stage", slice.stage},
        {"stages", slice.stages},
        {"first_block", slice.first_block},
        {"blocks", slice.blocks}}},
      {"optimizer",
       {{"name", name_of(header.optimizer)},
        {"steps", header.counters.steps},
        {"beta1_product", header.counters.beta1_product},
        {"mu_product", header.counters.mu_product},
        {"ahead", header.counters.ahead}}},
  };
  return json.dump();
}

Result<CheckpointHeader> parse_checkpoint_header(std::string_view json) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return make_error(ErrorCode::kCorrupt, "its metadata is no JSON object; the file is damaged");
  }
  FieldReader fields(root);
  CheckpointHeader header;
  int format = 0;
  fields.read("format", format);
  fields.read("epoch", header.info.epoch);
  fields.read("position", header.info.position);
  fields.read("next_sequence", header.info.next_sequence);
  fields.read("applied_ahead", header.info.applied_ahead);
  fields.read("version", header.info.version);
  fields.read("method", header.method);
  BRIGADE_TRY(fields.result());
  if (format != kFormat) {
    return make_error(
        ErrorCode::kCorrupt,
        fmt::format("its metadata has format {}, this version reads {}", format, kFormat));
  }
  BRIGADE_ASSIGN(header.info.model, read_model(fields.object("model")));
  BRIGADE_ASSIGN(header.info.slice, read_slice(fields.object("slice")));
  BRIGADE_ASSIGN(header.optimizer, read_optimizer(fields.object("optimizer")));
  BRIGADE_ASSIGN(header.counters, read_counters(fields.object("optimizer")));
  const bool is_sound = check_shape(header.info.model).has_value() &&
                        check_slice(header.info.model, header.info.slice).has_value();
  if (!is_sound) {
    return make_error(ErrorCode::kCorrupt,
                      "its metadata describes an impossible model; the file is damaged");
  }
  return header;
}

}  // namespace brigade::stage
