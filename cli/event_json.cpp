#include "cli/event_json.hpp"

#include <cmath>

namespace brigade::cli {

namespace control = brigade::control::v1;

namespace {

// Milliseconds are enough for a log, and short.
double rounded(double t) {
  return std::round(t * 1000) / 1000;
}

Json start(const char* event, double t) {
  return Json{{"event", event}, {"t", rounded(t)}};
}

}  // namespace

Json step_json(double t, const control::Step& step) {
  Json json = start("step", t);
  json["microbatch"] = step.position();
  json["tokens"] = step.tokens();
  json["loss"] = step.loss();
  json["lr"] = step.learning_rate();
  json["tokens_per_s"] = step.tokens_per_s();
  json["in_flight"] = step.in_flight();
  return json;
}

Json eval_json(double t, const control::Eval& eval, std::uint64_t tokens) {
  Json json = start("eval", t);
  json["microbatch"] = eval.position();
  json["tokens"] = tokens;
  json["val_loss"] = eval.loss();
  return json;
}

Json node_json(double t, const control::NodeStatus& node) {
  Json json = start("node", t);
  json["node"] = node.node();
  json["stage"] = node.stage();
  json["replica"] = node.replica();
  json["pid"] = node.pid();
  json["rss_bytes"] = node.rss_bytes();
  json["param_bytes"] = node.param_bytes();
  json["stash_bytes"] = node.stash_bytes();
  json["weight_versions"] = node.weight_versions();
  json["updates"] = node.updates();
  json["staleness_mean"] = node.staleness_mean();
  json["staleness_max"] = node.staleness_max();
  json["busy"] = node.busy_ratio();
  json["bytes_sent"] = node.bytes_sent();
  json["bytes_received"] = node.bytes_received();
  return json;
}

Json peer_json(double t, const control::PeerChange& peer) {
  Json json = start("peer", t);
  json["node"] = peer.node();
  json["stage"] = peer.stage();
  json["change"] = peer.change();
  return json;
}

Json done_json(double t, const RunTotals& totals) {
  Json json = start("done", t);
  json["microbatches"] = totals.microbatches;
  json["tokens"] = totals.tokens;
  json["seconds"] = rounded(totals.seconds);
  json["tokens_per_s"] = totals.tokens_per_s;
  json["val_loss"] = totals.val_loss ? Json(*totals.val_loss) : Json(nullptr);
  json["lost_microbatches"] = totals.lost_microbatches;
  json["retried_microbatches"] = totals.retried_microbatches;
  return json;
}

}  // namespace brigade::cli
