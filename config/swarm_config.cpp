#include "config/swarm_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "config/methods.hpp"
#include "config/swarm_check.hpp"
#include "config/table.hpp"
#include "config/toml_reader.hpp"

namespace brigade::config {
namespace {

using std::string_view;

constexpr std::array<string_view, 2> kTauWords{"measured", "nominal"};
constexpr std::array<string_view, 3> kRecomputeWords{"auto", "on", "off"};

/// Updates; a stage that is further behind than this is not training.
constexpr double kMaxTau = limits::kMaxInFlight;

bool is_name(string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

constexpr Whole steps(string_view zero = {}) {
  return {0, limits::kMaxSteps, zero};
}

constexpr Text kPath{limits::kMaxPathBytes, "a path"};

const std::array kOptions{
    OptionOf<SwarmConfig>{
        {"name", "",
         Text{limits::kMaxNameBytes, "a name of letters, digits, '-', '_' and '.'", is_name},
         "of the swarm, in logs and in status"},
        [](SwarmConfig& c) { return Field(&c.name); }},
    OptionOf<SwarmConfig>{
        {"stages", "--stages", Whole{1, limits::kMaxStages}, "P, parts that the model is cut into"},
        [](SwarmConfig& c) { return Field(&c.stages); }},
    OptionOf<SwarmConfig>{
        {"split", "--split", WholeList{{1, limits::kMaxBlocks}, limits::kMaxStages},
         "blocks of each stage; empty: balanced by cost"},
        [](SwarmConfig& c) { return Field(&c.split); }},

    OptionOf<SwarmConfig>{
        {"model.vocabulary", "", Whole{2, limits::kMaxVocabulary}, "token ids that there are"},
        [](SwarmConfig& c) { return Field(&c.model.vocabulary); }},
    OptionOf<SwarmConfig>{{"model.context", "", Whole{1, limits::kMaxContext},
                           "tokens, longest sequence: rows of the position table"},
                          [](SwarmConfig& c) { return Field(&c.model.context); }},
    OptionOf<SwarmConfig>{
        {"model.width", "", Whole{1, limits::kMaxWidth}, "d, numbers that stand for one token"},
        [](SwarmConfig& c) { return Field(&c.model.width); }},
    OptionOf<SwarmConfig>{
        {"model.blocks", "", Whole{1, limits::kMaxBlocks}, "transformer blocks of the whole model"},
        [](SwarmConfig& c) { return Field(&c.model.blocks); }},
    OptionOf<SwarmConfig>{
        {"model.heads", "", Whole{1, limits::kMaxHeads}, "attention heads a block; divides width"},
        [](SwarmConfig& c) { return Field(&c.model.heads); }},
    OptionOf<SwarmConfig>{{"model.tied_head", "", Switch{},
                           "LM head and embedding share weights (with one stage only)"},
                          [](SwarmConfig& c) { return Field(&c.model.tied_head); }},
    OptionOf<SwarmConfig>{
        {"model.layer_norm_epsilon", "", Number{0, 1, false}, "added to the variance"},
        [](SwarmConfig& c) { return Field(&c.model.layer_norm_epsilon); }},
    OptionOf<SwarmConfig>{{"model.init_std", "", Number{0, 10, false},
                           "standard deviation of matrices and embeddings at the start"},
                          [](SwarmConfig& c) { return Field(&c.model.init_std); }},

    OptionOf<SwarmConfig>{
        {"data.train", "", kPath, "token file to train on, its manifest beside it; heads read it"},
        [](SwarmConfig& c) { return Field(&c.data.train); }},
    OptionOf<SwarmConfig>{
        {"data.validation", "", kPath, "token file to judge on, its manifest beside it"},
        [](SwarmConfig& c) { return Field(&c.data.validation); }},

    OptionOf<SwarmConfig>{
        {"method.name", "--method", OneOf{method_names()}, "how stages update, see docs/method.md"},
        [](SwarmConfig& c) { return Field(&c.method.name); }},
    OptionOf<SwarmConfig>{
        {"method.accumulate", "--accumulate", Whole{0, limits::kMaxAccumulate, "auto"},
         "micro-batches an update (K, M); auto: 1, P in groups, paci's grow"},
        [](SwarmConfig& c) { return Field(&c.method.accumulate); }},
    OptionOf<SwarmConfig>{{"method.tau", "--tau", WordOrNumber{kTauWords, {0, kMaxTau}},
                           "staleness that corrections use, updates"},
                          [](SwarmConfig& c) { return Field(&c.method.tau); }},
    OptionOf<SwarmConfig>{{"method.recompute", "--recompute", OneOf{kRecomputeWords},
                           "run the forward again at backward time: less memory, more time"},
                          [](SwarmConfig& c) { return Field(&c.method.recompute); }},
    OptionOf<SwarmConfig>{{"method.learning_rate", "--lr", Number{0, 10, true, "auto"},
                           "at its peak, after warm-up; auto: the method's own"},
                          [](SwarmConfig& c) { return Field(&c.method.learning_rate); }},
    OptionOf<SwarmConfig>{
        {"method.final_ratio", "", Number{0, 1}, "of the peak, where the cosine ends"},
        [](SwarmConfig& c) { return Field(&c.method.final_ratio); }},
    OptionOf<SwarmConfig>{{"method.warmup", "--warmup", steps("auto"),
                           "micro-batches of rising rate; auto: 6 % of steps"},
                          [](SwarmConfig& c) { return Field(&c.method.warmup); }},
    OptionOf<SwarmConfig>{{"method.correction", "", steps("auto"),
                           "micro-batches until the rate's correction ends; auto: 14 % of steps"},
                          [](SwarmConfig& c) { return Field(&c.method.correction); }},
    OptionOf<SwarmConfig>{
        {"method.weight_decay", "", Number{0, 10}, "decoupled, times the learning rate"},
        [](SwarmConfig& c) { return Field(&c.method.weight_decay); }},
    OptionOf<SwarmConfig>{{"method.clip", "--clip", Number{0, 1e9, false, "off"},
                           "largest L2 norm of a stage's own gradient"},
                          [](SwarmConfig& c) { return Field(&c.method.clip); }},
    OptionOf<SwarmConfig>{{"method.beta1", "", Number{0, 0.9999},
                           "AdamW's, and where the stage-dependent momentum starts"},
                          [](SwarmConfig& c) { return Field(&c.method.beta1); }},
    OptionOf<SwarmConfig>{
        {"method.beta2", "", Number{0, 0.999999}, "decay of the squared gradient's mean"},
        [](SwarmConfig& c) { return Field(&c.method.beta2); }},
    OptionOf<SwarmConfig>{{"method.epsilon", "", Number{0, 1, false},
                           "added to the root of the squared gradient's mean"},
                          [](SwarmConfig& c) { return Field(&c.method.epsilon); }},
    OptionOf<SwarmConfig>{
        {"method.momentum_decay", "", Number{0, 1}, "psi of NAdam's momentum schedule"},
        [](SwarmConfig& c) { return Field(&c.method.momentum_decay); }},
    OptionOf<SwarmConfig>{{"method.look_ahead", "", Number{0, 10},
                           "nesterov-muon: of the delay, that a forward looks ahead"},
                          [](SwarmConfig& c) { return Field(&c.method.look_ahead); }},
    OptionOf<SwarmConfig>{{"method.muon_refresh", "", Whole{0, limits::kMaxAccumulate, "auto"},
                           "updates that a direction of Muon is used for"},
                          [](SwarmConfig& c) { return Field(&c.method.muon_refresh); }},
    OptionOf<SwarmConfig>{
        {"method.optimizer", "", OneOf{optimizer_names()}, "of gpipe and 1f1b; auto: AdamW"},
        [](SwarmConfig& c) { return Field(&c.method.optimizer); }},
    OptionOf<SwarmConfig>{{"method.average_every", "", Whole{0, limits::kMaxAccumulate, "never"},
                           "replicas: own updates from one averaging to the next"},
                          [](SwarmConfig& c) { return Field(&c.method.average_every); }},
    OptionOf<SwarmConfig>{
        {"method.average_share", "", Number{0, 1, false}, "replicas: of the weights, each time"},
        [](SwarmConfig& c) { return Field(&c.method.average_share); }},

    OptionOf<SwarmConfig>{{"run.seed", "--seed", Whole{0, limits::kMaxSeed}, "of weights and data"},
                          [](SwarmConfig& c) { return Field(&c.run.seed); }},
    OptionOf<SwarmConfig>{{"run.steps", "--steps", steps(),
                           "micro-batches drawn, all heads together; 0: without end"},
                          [](SwarmConfig& c) { return Field(&c.run.steps); }},
    OptionOf<SwarmConfig>{
        {"run.batch", "--batch", Whole{1, limits::kMaxBatch}, "sequences a micro-batch"},
        [](SwarmConfig& c) { return Field(&c.run.batch); }},
    OptionOf<SwarmConfig>{{"run.context", "--context", Whole{1, limits::kMaxContext},
                           "tokens a sequence, at most model.context"},
                          [](SwarmConfig& c) { return Field(&c.run.context); }},
    OptionOf<SwarmConfig>{{"run.window", "--window", Whole{0, limits::kMaxWindow, "auto"},
                           "micro-batches in flight; auto: as few as keep the line busy"},
                          [](SwarmConfig& c) { return Field(&c.run.window); }},
    OptionOf<SwarmConfig>{{"run.codec", "--codec", OneOf{codec_names()}, "numbers on the wire"},
                          [](SwarmConfig& c) { return Field(&c.run.codec); }},
    OptionOf<SwarmConfig>{{"run.lock_step", "--lock-step", Switch{},
                           "fixed order of forwards and backwards: slow, for tests"},
                          [](SwarmConfig& c) { return Field(&c.run.lock_step); }},
    OptionOf<SwarmConfig>{
        {"run.eval_every", "--eval-every", steps(), "micro-batches; 0: at the end only"},
        [](SwarmConfig& c) { return Field(&c.run.eval_every); }},
    OptionOf<SwarmConfig>{{"run.eval_batches", "", Whole{1, limits::kMaxEvalBatches},
                           "batches of an evaluation during training; the last takes all"},
                          [](SwarmConfig& c) { return Field(&c.run.eval_batches); }},
    OptionOf<SwarmConfig>{{"run.checkpoint_every", "--checkpoint-every", steps("auto"),
                           "micro-batches; auto: a tenth of steps"},
                          [](SwarmConfig& c) { return Field(&c.run.checkpoint_every); }},
    OptionOf<SwarmConfig>{{"run.keep_checkpoints", "", Whole{1, limits::kMaxKeptCheckpoints},
                           "newest ones that stay on disk"},
                          [](SwarmConfig& c) { return Field(&c.run.keep_checkpoints); }},
};

const Method& method_of(const SwarmConfig& config) {
  const Method* method = find_method(config.method.name);
  return method != nullptr ? *method : methods().front();  // check() refuses unknown ones
}

struct Read {
  SwarmConfig config;
  std::vector<Entry> entries;
};

Result<Read> read(const std::string& text, const std::string& origin) {
  Read read;
  BRIGADE_ASSIGN(read.entries, read_toml(text, origin));
  const auto table = bind_table(swarm_options(), read.config);
  BRIGADE_TRY(apply(read.entries, table, origin));
  return read;
}

void resolve(const std::filesystem::path& folder, std::string& path) {
  if (!path.empty()) path = (folder / path).lexically_normal().string();
}

}  // namespace

std::span<const OptionOf<SwarmConfig>> swarm_options() {
  return kOptions;
}

const OptionOf<SwarmConfig>* find_flag(std::string_view flag) {
  const auto* found =
      std::find_if(kOptions.begin(), kOptions.end(), [&](const auto& o) { return o.flag == flag; });
  return found == kOptions.end() || flag.empty() ? nullptr : found;
}

Result<> set_from_flag(SwarmConfig& config, const OptionOf<SwarmConfig>& option,
                       std::string_view text) {
  auto done = assign(option.domain, option.field(config), from_flag(option.domain, text));
  if (done) return done;
  return make_error(ErrorCode::kBadInput, fmt::format("{} {}", option.flag, done.error().message));
}

Result<SwarmConfig> parse_swarm_config(const std::string& text, const std::string& origin) {
  BRIGADE_ASSIGN(const Read done, read(text, origin));
  if (const auto fault = find_fault(done.config)) {
    const Place place = place_of(done.entries, fault->key);
    return make_error(ErrorCode::kBadInput, at(origin, place) + fault->message);
  }
  return done.config;
}

std::uint32_t accumulate_of(const SwarmConfig& config) {
  if (config.method.accumulate > 0) return config.method.accumulate;
  return method_of(config).has_groups ? std::max(config.stages, 1U) : 1;
}

std::uint32_t muon_refresh_of(const SwarmConfig& config) {
  if (config.method.muon_refresh > 0) return config.method.muon_refresh;
  return method_of(config).is_synchronous ? 1 : 2;
}

bool accumulate_follows(const SwarmConfig& config) {
  return config.method.accumulate == 0 && method_of(config).groups_follow;
}

std::uint32_t in_flight_at_most(const SwarmConfig& config, std::uint32_t stage,
                                std::uint32_t found_window) {
  if (config.method.name == "1f1b") return config.stages - stage;
  if (method_of(config).is_synchronous) return accumulate_of(config);
  if (config.run.lock_step) return config.stages - stage;
  const std::uint32_t window = config.run.window > 0 ? config.run.window : found_window;
  return window > stage ? window - stage : 1;
}

double learning_rate_of(const SwarmConfig& config) {
  const double set = config.method.learning_rate;
  return set > 0 ? set : method_of(config).learning_rate;
}

Result<SwarmConfig> load_swarm_config(const std::filesystem::path& file) {
  BRIGADE_ASSIGN(const std::string text, read_file(file, limits::kMaxConfigBytes));
  BRIGADE_ASSIGN(SwarmConfig config, parse_swarm_config(text, file.string()));
  resolve(file.parent_path(), config.data.train);
  resolve(file.parent_path(), config.data.validation);
  return config;
}

Result<ModelConfig> load_model_config(const std::filesystem::path& file) {
  BRIGADE_ASSIGN(const std::string text, read_file(file, limits::kMaxConfigBytes));
  BRIGADE_ASSIGN(const Read done, read(text, file.string()));
  return done.config.model;
}

Result<> check(const SwarmConfig& config) {
  SwarmConfig copy = config;
  BRIGADE_TRY(recheck(bind_table(swarm_options(), copy)));
  if (const auto fault = find_fault(config)) {
    return make_error(ErrorCode::kBadInput, fault->message);
  }
  return {};
}

Result<> check_for_members(const SwarmConfig& config) {
  const auto refused = [](std::string text) {
    return make_error(ErrorCode::kBadInput, std::move(text));
  };
  if (method_of(config).is_synchronous)
    return refused(
        fmt::format("method.name = \"{}\" waits for a flush of the whole line; a swarm "
                    "whose nodes come and go needs a method that does not, such as "
                    "\"nesterov-muon\"",
                    config.method.name));
  if (config.run.lock_step)
    return refused("run.lock_step is for tests of a fixed line: a swarm of members can't keep it");
  if (config.stages > limits::kMaxStagesOfReplicas)
    return refused(fmt::format("stages = {}: a swarm of members has {} at most", config.stages,
                               limits::kMaxStagesOfReplicas));
  return {};
}

std::string to_toml(const SwarmConfig& config) {
  SwarmConfig copy = config;
  return to_toml(bind_table(swarm_options(), copy));
}

std::string canonical_text(const SwarmConfig& config) {
  SwarmConfig copy = config;
  std::string text;
  for (const Bound& bound : bind_table(swarm_options(), copy)) {
    if (bound.key.starts_with("data.")) continue;
    text += fmt::format("{} = {}\n", bound.key, written(bound.option->domain, bound.field));
  }
  return text;
}

}  // namespace brigade::config
