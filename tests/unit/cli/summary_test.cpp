#include "cli/summary.hpp"

#include "cli/local_run.hpp"
#include "tests/catch.hpp"

namespace brigade::cli {

namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a result is said in nats a token and a byte, beside the yardstick") {
  RunTotals totals;
  totals.microbatches = 1000;
  totals.tokens = 512'000;
  totals.tokens_per_s = 8123.4;
  totals.seconds = 65;
  totals.val_loss = 4.5;
  const DataFigures data{.vocabulary = 800, .tokenizer = "m.model", .bytes_per_token = 2.5};
  const std::string worse = joined(describe_result(totals, data, 1.5));
  CHECK(has(worse, "512,000 tokens, 8,123 tokens/s, 1 min 05 s in all"));
  CHECK(has(worse, "4.500 nats a token, 1.800 nats a byte"));
  CHECK(has(worse, "0.300 worse"));
  CHECK(has(joined(describe_result(totals, data, 2.6)), "0.800 better"));
  CHECK_FALSE(has(joined(describe_result(totals, data, std::nullopt)), "yardstick"));
  totals.val_loss.reset();
  CHECK(describe_result(totals, data, 2.6).size() == 1);
}

TEST_CASE("a sample can't disturb the terminal that shows it") {
  const Sample sample{"caf\xc3\xa9 \x1b[2J\xff\ttab\nnext", stage::KnownWords{4, 3}};
  const auto lines = describe_sample(sample);
  REQUIRE(lines.size() == 3);
  CHECK(has(lines[0], "75 % of its 4 words"));
  CHECK(lines[1] == "  | caf\xc3\xa9 ?[2J?  tab");
  CHECK(lines[2] == "  | next");
}

TEST_CASE("what a run leaves and how to go on is named") {
  config::SwarmConfig swarm;
  swarm.stages = 1;
  swarm.run.steps = 100;
  CHECK(has(joined(describe_next("out", swarm)), "checkpoints in node-0)"));
  swarm.stages = 4;
  const std::string text = joined(describe_next("out", swarm));
  CHECK(has(text, "node-0 to node-3"));
  CHECK(has(text, "brigade local --resume out --steps 200"));
}

TEST_CASE("totals count what was lost and what was sent again") {
  RunState run({.stages = 2, .method = "nesterov", .steps = 10});
  for (std::uint32_t stage = 0; stage < 2; ++stage) {
    control::WatchEvent event;
    event.mutable_status()->set_node("aa");
    event.mutable_status()->set_drawn(10);
    event.mutable_status()->set_applied(10 - stage);
    event.mutable_status()->set_repeats(2 + stage);
    run.on_event(0, stage, event);
  }
  const RunTotals totals = totals_of(run, 12);
  CHECK(totals.lost_microbatches == 1);
  CHECK(totals.retried_microbatches == 5);
  CHECK(totals.seconds == 12);
  CHECK_FALSE(totals.val_loss);
}

TEST_CASE("a finished run that is resumed counts what it has, without a step to go by") {
  RunState run({.stages = 1, .method = "nesterov", .steps = 10, .microbatch_tokens = 64});
  control::WatchEvent event;
  event.mutable_status()->set_node("aa");
  event.mutable_status()->set_position(10);
  run.on_event(0, 0, event);
  CHECK(totals_of(run, 1).microbatches == 10);
  CHECK(totals_of(run, 1).tokens == 640);
}

}  // namespace brigade::cli
