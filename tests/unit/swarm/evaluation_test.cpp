#include "swarm/evaluation.hpp"

#include "tests/catch.hpp"

namespace brigade::swarm {
namespace {

Options options() {
  Options chosen;
  chosen.eval_every = 10;
  chosen.eval_batches = 2;
  chosen.final_eval_batches = 3;
  return chosen;
}

void complete(Evaluation& evaluation) {
  while (evaluation.has_batch_to_send()) {
    evaluation.take_batch();
    evaluation.on_result({4.0, 8});
  }
}

}  // namespace

TEST_CASE("an evaluation is due each time its interval is passed, and sums its batches") {
  Evaluation evaluation(options());
  evaluation.restart(0);
  CHECK_FALSE(evaluation.has_batch_to_send());
  evaluation.on_applied(9);
  CHECK_FALSE(evaluation.is_running());
  evaluation.on_applied(10);
  CHECK(evaluation.take_batch() == Sequence{0});
  CHECK(evaluation.take_batch() == Sequence{1});
  CHECK_FALSE(evaluation.has_batch_to_send());
  evaluation.on_result({4.0, 8});
  CHECK_FALSE(evaluation.take_report());
  evaluation.on_result({6.0, 8});
  const auto report = evaluation.take_report();
  REQUIRE(report);
  CHECK(report->position == 10);
  CHECK(report->loss.nats == 10.0);
  CHECK(report->loss.tokens == 16);
  CHECK_FALSE(report->is_final);
  evaluation.on_applied(20);
  CHECK(evaluation.take_batch() == Sequence{1ULL << Evaluation::kBatchBits});
}

TEST_CASE("an occasion that comes during an evaluation is passed over") {
  Evaluation evaluation(options());
  evaluation.restart(0);
  evaluation.on_applied(10);
  evaluation.on_applied(25);
  complete(evaluation);
  CHECK(evaluation.take_report()->position == 10);
  evaluation.on_applied(29);
  CHECK_FALSE(evaluation.is_running());
  evaluation.on_applied(30);
  CHECK(evaluation.is_running());
}

TEST_CASE("a resume is evaluated first, a fresh start is not") {
  Evaluation evaluation(options());
  evaluation.restart(0);
  CHECK_FALSE(evaluation.comes_first());
  evaluation.restart(40);
  CHECK(evaluation.comes_first());
  complete(evaluation);
  CHECK(evaluation.take_report()->position == 40);
  CHECK_FALSE(evaluation.comes_first());
  Options never = options();
  never.eval_on_resume = false;
  Evaluation silent(never);
  silent.restart(40);
  CHECK_FALSE(silent.is_running());
}

TEST_CASE("the final evaluation waits for the one under way and is made once") {
  Evaluation evaluation(options());
  evaluation.restart(0);
  evaluation.on_applied(10);
  evaluation.start_final(12);
  complete(evaluation);
  CHECK_FALSE(evaluation.take_report()->is_final);
  CHECK_FALSE(evaluation.is_final_done());
  evaluation.start_final(12);
  complete(evaluation);
  const auto report = evaluation.take_report();
  CHECK(report->is_final);
  CHECK(report->loss.tokens == 24);
  evaluation.start_final(12);
  CHECK_FALSE(evaluation.is_running());
  CHECK(evaluation.is_final_done());
}

TEST_CASE("no batches, no evaluation") {
  Options none;
  none.eval_every = 1;
  Evaluation evaluation(none);
  evaluation.restart(5);
  evaluation.on_applied(6);
  CHECK_FALSE(evaluation.is_running());
  evaluation.start_final(6);
  CHECK(evaluation.is_final_done());
}

}  // namespace brigade::swarm
