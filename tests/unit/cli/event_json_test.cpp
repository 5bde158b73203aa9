#include "cli/event_json.hpp"

#include <string>
#include <vector>

#include "tests/catch.hpp"

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

std::vector<std::string> keys(const Json& json) {
  std::vector<std::string> names;
  for (const auto& [name, value] : json.items()) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("log lines have exactly the keys of the contract, in its order") {
  CHECK(keys(step_json(1, {})) ==
        Names{"event", "t", "microbatch", "tokens", "loss", "lr", "tokens_per_s", "in_flight"});
  CHECK(keys(eval_json(1, {}, 0)) == Names{"event", "t", "microbatch", "tokens", "val_loss"});
  CHECK(keys(node_json(1, {})) == Names{"event", "t", "node", "stage", "replica", "pid",
                                        "rss_bytes", "param_bytes", "stash_bytes",
                                        "weight_versions", "updates", "staleness_mean",
                                        "staleness_max", "busy", "bytes_sent", "bytes_received"});
  CHECK(keys(peer_json(1, {})) == Names{"event", "t", "node", "stage", "change"});
  CHECK(keys(done_json(1, {})) == Names{"event", "t", "microbatches", "tokens", "seconds",
                                        "tokens_per_s", "val_loss", "lost_microbatches",
                                        "retried_microbatches"});
}

TEST_CASE("log lines carry what the node said") {
  control::Step step;
  step.set_position(17);
  step.set_tokens(17'408);
  step.set_loss(2.5);
  step.set_learning_rate(1e-3);
  step.set_tokens_per_s(8000);
  step.set_in_flight(4);
  const Json json = step_json(1.23456, step);
  CHECK(json.at("event") == "step");
  CHECK(json.at("t") == Approx(1.235));
  CHECK(json.at("microbatch") == 17);
  CHECK(json.at("lr") == Approx(1e-3));

  control::NodeStatus node;
  node.set_busy_ratio(0.75);
  node.set_weight_versions(1);
  CHECK(node_json(0, node).at("busy") == Approx(0.75));
  CHECK(node_json(0, node).at("weight_versions") == 1);
}

TEST_CASE("a run without an evaluation ends with a null loss, not with a zero") {
  RunTotals totals;
  CHECK(done_json(0, totals).at("val_loss").is_null());
  totals.val_loss = 2.25;
  CHECK(done_json(0, totals).at("val_loss") == Approx(2.25));
}

}  // namespace brigade::cli
