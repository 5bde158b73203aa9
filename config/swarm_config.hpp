// swarm.toml: what a swarm trains and how. The same on every node of a swarm; its canonical text
// is hashed into the handshake, so that two nodes that disagree refuse each other.
//
// One table of options (swarm_config.cpp) drives parsing, writing, checks, the CLI's flags of the
// same names and docs/configuration.md. An unknown key or a wrong type is an error that names the
// file, the line and what was expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/option.hpp"

namespace brigade::config {

/// GPT-2 family. Shapes: embeddings (vocabulary, width), positions (context, width).
struct ModelConfig {
  std::uint32_t vocabulary = 256;
  std::uint32_t context = 128;  // T, longest sequence: rows of the position table
  std::uint32_t width = 128;    // d
  std::uint32_t blocks = 4;
  std::uint32_t heads = 4;  // divides width
  bool tied_head = false;   // P > 1 unties at import; see docs/method.md
  double layer_norm_epsilon = 1e-5;
  double init_std = 0.02;  // N(0, init_std) for every matrix and embedding; biases 0, gains 1
  bool operator==(const ModelConfig&) const = default;
};

struct DataConfig {
  std::string train;  // token file with its manifest beside it, absolute or beside swarm.toml
  std::string validation;
  bool operator==(const DataConfig&) const = default;
};

struct MethodConfig {
  std::string name = "nesterov";   // METHOD: nesterov, gpipe, …
  std::uint32_t accumulate = 0;    // K, and M of gpipe and 1f1b; 0: accumulate_of()
  std::string tau = "measured";    // "measured", "nominal" or a number of updates
  std::string recompute = "auto";  // "auto", "on", "off"
  double learning_rate = 0;        // peak; 0: the method's own (methods.cpp)
  double final_ratio = 0.1;        // cosine ends at learning_rate · final_ratio
  std::uint64_t warmup = 0;        // micro-batches; 0: 6 % of steps
  std::uint64_t correction = 0;    // T of the rate's correction, micro-batches; 0: 14 % of steps
  double weight_decay = 0.01;
  double clip = 10.0;  // L2 norm of a stage's own gradient; 0: off
  double beta1 = 0.9;  // AdamW's, and b of the stage-dependent momentum
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double momentum_decay = 0.004;  // ψ of NAdam
  double look_ahead = 1;          // s of nesterov-muon; 0: forwards read the weights where they are
  std::uint32_t muon_refresh =
      0;  // updates that a direction of Muon is used for; 0: muon_refresh_of()
  std::string optimizer = "auto";  // of gpipe and 1f1b: "auto" (AdamW), "muon"
  // Where a stage has replicas (docs/method.md, "Replicas of a stage").
  std::uint32_t average_every = 4;  // own updates between exchanges with another replica; 0: never
  double average_share = 0.25;      // of the weights, in one exchange
  bool operator==(const MethodConfig&) const = default;
};

struct RunConfig {
  std::uint64_t seed = 1;
  std::uint64_t steps = 1000;   // micro-batches drawn, all heads together; 0: without end
  std::uint32_t batch = 8;      // B, sequences a micro-batch
  std::uint32_t context = 128;  // T, tokens a sequence; ≤ model.context
  std::uint32_t window = 0;     // micro-batches in flight; 0: found by the head
  std::string codec = "fp32";
  bool lock_step = false;
  std::uint64_t eval_every = 0;  // micro-batches; 0: at the end only
  std::uint32_t eval_batches = 8;
  std::uint64_t checkpoint_every = 0;  // micro-batches; 0: a tenth of steps
  std::uint32_t keep_checkpoints = 2;
  bool operator==(const RunConfig&) const = default;
};

struct SwarmConfig {
  std::string name = "local";
  std::uint32_t stages = 1;          // P
  std::vector<std::uint32_t> split;  // blocks a stage; empty: balanced by cost and written back
  ModelConfig model;
  DataConfig data;
  MethodConfig method;
  RunConfig run;
  bool operator==(const SwarmConfig&) const = default;
};

/// Micro-batches an update: what is set, or P where the method works in groups, else 1.
std::uint32_t accumulate_of(const SwarmConfig& config);
/// Two where nothing waits for a flush: half of the work at no loss that was seen (docs/method.md).
std::uint32_t muon_refresh_of(const SwarmConfig& config);
/// Whether that is where K begins: it grows with the measured delay.
bool accumulate_follows(const SwarmConfig& config);
/// Micro-batches that `stage` holds at most; `found_window` stands for a window that is found.
std::uint32_t in_flight_at_most(const SwarmConfig& config, std::uint32_t stage,
                                std::uint32_t found_window);
/// The peak rate: what is set, or the method's own.
double learning_rate_of(const SwarmConfig& config);

/// Parses and checks; relative data paths are resolved against the file's folder.
Result<SwarmConfig> load_swarm_config(const std::filesystem::path& file);
/// The same from text; `origin` names it in errors. Never reads other files: the fuzz target.
Result<SwarmConfig> parse_swarm_config(const std::string& text, const std::string& origin);
/// Every setting in its bounds, and those that depend on each other: heads divide width, context
/// fits, P ≤ blocks, the split sums, the method is available… Errors start with the key.
Result<> check(const SwarmConfig& config);
/// Whether a swarm whose nodes come and go can train so: nothing may wait for all of its nodes.
Result<> check_for_members(const SwarmConfig& config);
/// TOML in a fixed order and number format, a comment a key. parse(to_toml(c)) == c.
std::string to_toml(const SwarmConfig& config);
/// What all nodes must agree on, for hashing: one "key = value" a line, data paths left out.
std::string canonical_text(const SwarmConfig& config);

/// `--model FILE`: the [model] section of a swarm.toml or of a file with nothing else in it.
Result<ModelConfig> load_model_config(const std::filesystem::path& file);

/// The table, in the order in which it is written.
std::span<const OptionOf<SwarmConfig>> swarm_options();
/// The option with this flag ("--lr"), or null.
const OptionOf<SwarmConfig>* find_flag(std::string_view flag);
/// Sets what `option.flag` stands for; errors start with the flag. A switch takes "true"/"false".
Result<> set_from_flag(SwarmConfig& config, const OptionOf<SwarmConfig>& option,
                       std::string_view text);

}  // namespace brigade::config
