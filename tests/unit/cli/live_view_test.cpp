#include "cli/live_view.hpp"

#include <string>

#include "tests/catch.hpp"

namespace brigade::cli {

namespace {

RunState running(std::uint32_t stages) {
  RunState run(
      {.stages = stages, .method = "nesterov", .parameters = 861'000, .seed = 7, .steps = 1000});
  for (std::uint32_t stage = 0; stage < stages; ++stage) {
    control::WatchEvent event;
    auto* node = event.mutable_status();
    node->set_node(std::string(64, 'a'));
    node->set_stage(stage);
    node->set_phase("training");
    node->set_first_block(stage);
    node->set_blocks(1);
    node->set_busy_ratio(0.5);
    node->set_staleness_mean(stages - 1 - stage);
    node->set_drift_norm(0.1);
    node->set_drift_cosine(0.875);
    node->set_in_flight(stages - stage);
    node->set_rss_bytes(212'000'000);
    run.on_event(0, stage, event);
  }
  for (std::uint64_t position = 1; position <= 470; ++position) {
    control::WatchEvent event;
    auto* step = event.mutable_step();
    step->set_position(position);
    step->set_tokens(1024 * position);
    step->set_loss(5.5 - 0.007 * static_cast<double>(position));
    step->set_in_flight(stages);
    run.on_event(0.1 * static_cast<double>(position), 0, event);
  }
  return run;
}

bool has_line_with(const std::vector<std::string>& lines, const std::string& text) {
  for (const std::string& line : lines) {
    if (line.find(text) != std::string::npos) return true;
  }
  return false;
}

const Style kPlain{.columns = 100, .rows = 30, .has_colour = false, .has_unicode = true};

}  // namespace

TEST_CASE("the view names progress, speed, time left, loss and every stage") {
  const RunState run = running(4);
  const auto lines = render(run, 47, kPlain);
  CHECK(has_line_with(lines, "4 stages · nesterov · 0.86 million parameters"));
  CHECK(has_line_with(lines, "47 %  470/1,000"));
  CHECK(has_line_with(lines, "10,240 tokens/s"));
  CHECK(has_line_with(lines, "53 s left"));
  CHECK(has_line_with(lines, "loss "));
  CHECK(has_line_with(lines, "212 MB"));
  CHECK(has_line_with(lines, " 3.0 max 0   0.88 "));
  CHECK(lines.size() == 3 + 5 + 1 + 4);
}

TEST_CASE("the view fits every terminal, however small") {
  for (const std::uint32_t stages : {1u, 4u, 64u}) {
    const RunState run = running(stages);
    for (const std::size_t columns : {1u, 12u, 40u, 80u, 300u}) {
      for (const std::size_t rows : {1u, 2u, 5u, 12u, 24u, 100u}) {
        const Style style{
            .columns = columns, .rows = rows, .has_colour = false, .has_unicode = true};
        const auto lines = render(run, 47, style);
        CHECK(lines.size() <= std::max<std::size_t>(rows - 1, 1));
        for (const std::string& line : lines) CHECK(cells(line) <= columns);
      }
    }
  }
}

TEST_CASE("stages that do not fit are counted, not dropped") {
  const Style style{.columns = 80, .rows = 12, .has_colour = false, .has_unicode = true};
  const auto lines = render(running(64), 47, style);
  CHECK(lines.size() == 11);
  CHECK(lines.back() == "  and 58 more stages");
}

TEST_CASE("without UTF-8 the view is ASCII") {
  const Style style{.columns = 80, .rows = 24, .has_colour = false, .has_unicode = false};
  for (const std::string& line : render(running(4), 47, style)) {
    for (const char c : line) CHECK(static_cast<unsigned char>(c) < 0x80);
  }
}

TEST_CASE("colours never change the width of a line") {
  Style colour = kPlain;
  colour.has_colour = true;
  Line line(colour);
  line.add("stage ", Tint::kBold).to_column(10).add("busy", Tint::kGreen);
  CHECK(line.width() == 14);
  CHECK(line.text() == "\x1b[1mstage \x1b[0m    \x1b[32mbusy\x1b[0m");
}

TEST_CASE("a node that is not up yet, and one that is blocked, say so") {
  RunState run({.stages = 2, .method = "nesterov", .steps = 10});
  control::WatchEvent event;
  event.mutable_status()->set_node("aa");
  event.mutable_status()->set_phase("blocked");
  event.mutable_status()->set_error("disk full");
  run.on_event(0, 1, event);
  const auto lines = render(run, 1, kPlain);
  CHECK(has_line_with(lines, "starting"));
  CHECK(has_line_with(lines, "blocked: disk full"));
}

TEST_CASE("a plain line says the same in one line") {
  const std::string line = plain_line(running(4), 47);
  CHECK(line.find("micro-batch 470/1,000  loss ") != std::string::npos);
  CHECK(line.find("10,240 tokens/s  in flight 4  53 s left") != std::string::npos);
  const RunState fresh({.stages = 4, .method = "nesterov", .steps = 10});
  CHECK(plain_line(fresh, 1).find("0 of 4 stages are up") != std::string::npos);
}

}  // namespace brigade::cli
