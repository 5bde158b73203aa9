// The JSON lines of --log and --json. Names and keys are a contract: programs read them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "brigade/control/v1/control.pb.h"

namespace brigade::cli {

using Json = nlohmann::ordered_json;

/// What a run amounts to, for the last line.
struct RunTotals {
  std::uint64_t microbatches = 0;          // of the whole run, resumes included
  std::uint64_t tokens = 0;                // trained, of the whole run
  double seconds = 0;                      // of this process, from its start to now
  double tokens_per_s = 0;                 // while this process trained
  std::optional<double> val_loss;          // nats a token; null where none was measured
  std::uint64_t lost_microbatches = 0;     // drawn and never applied at some stage
  std::uint64_t retried_microbatches = 0;  // messages of micro-batches that were sent again
};

// `t`: seconds since the CLI started.
Json step_json(double t, const brigade::control::v1::Step& step);
/// `tokens`: trained up to the evaluation, as in `step`; those judged are the node's business.
Json eval_json(double t, const brigade::control::v1::Eval& eval, std::uint64_t tokens);
Json node_json(double t, const brigade::control::v1::NodeStatus& node);
Json peer_json(double t, const brigade::control::v1::PeerChange& peer);
Json done_json(double t, const RunTotals& totals);

}  // namespace brigade::cli
