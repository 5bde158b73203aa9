// What a finished run has come to: its loss beside a yardstick, its speed, a sample, what is next.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/event_json.hpp"
#include "cli/run_data.hpp"
#include "config/swarm_config.hpp"
#include "stage_runtime/data/yardstick.hpp"

namespace brigade::cli {

/// The bigram model's loss on the same bytes, nats a byte; absent where tokens are no bytes.
std::optional<double> yardstick(const config::SwarmConfig& swarm, const DataFigures& data);

/// "validation loss 1.953 nats a token, …": one or two lines.
std::vector<std::string> describe_result(const RunTotals& totals, const DataFigures& data,
                                         std::optional<double> bigram);

struct Sample {
  std::string text;
  std::optional<stage::KnownWords> words;  // which of its words occur in the training text
};
/// Written by the model in the run folder `out`, through brigade-stage.
Result<Sample> make_sample(const std::string& out, const config::SwarmConfig& swarm);
/// Quoted, with its share of known words.
std::vector<std::string> describe_sample(const Sample& sample);

/// Where everything is, and the commands that go on from here. `out` as the user named it.
std::vector<std::string> describe_next(const std::string& out, const config::SwarmConfig& swarm);

}  // namespace brigade::cli
