#include "sim/stage_model.hpp"

#include "tests/catch.hpp"

namespace brigade::sim {
namespace {

MicrobatchId numbered(std::uint64_t sequence) {
  return {.epoch = Epoch{1}, .head = {}, .sequence = Sequence{sequence}};
}

TEST_CASE("the order of backwards within one update does not matter, the update does") {
  StageModel one(1), other(1), apart(1);
  for (StageModel* model : {&one, &other, &apart}) {
    model->forward(numbered(0), 10, true);
    model->forward(numbered(1), 11, true);
  }
  one.backward(numbered(0), 20);
  one.backward(numbered(1), 21);
  one.update();
  other.backward(numbered(1), 21);
  other.backward(numbered(0), 20);
  other.update();
  apart.backward(numbered(0), 20);
  apart.update();
  apart.backward(numbered(1), 21);
  apart.update();
  CHECK(one.weights() == other.weights());
  CHECK(one.weights() != apart.weights());
}

TEST_CASE("a backward needs what a forward kept, once") {
  StageModel model(1);
  CHECK_FALSE(model.backward(numbered(0), 20));
  model.forward(numbered(0), 10, false);
  CHECK_FALSE(model.backward(numbered(0), 20));
  model.forward(numbered(0), 10, true);
  CHECK(model.backward(numbered(0), 20));
  CHECK_FALSE(model.backward(numbered(0), 20));
}

TEST_CASE("a gradient applied twice, or on other weights, changes the weights") {
  StageModel once(1), twice(1), other(2);
  for (StageModel* model : {&once, &twice, &other}) {
    model->forward(numbered(0), 10, true);
    model->backward(numbered(0), 20);
  }
  twice.forward(numbered(0), 10, true);
  twice.backward(numbered(0), 20);
  for (StageModel* model : {&once, &twice, &other}) model->update();
  CHECK(once.weights() != twice.weights());
  CHECK(once.weights() != other.weights());
}

TEST_CASE("a restore drops what is kept and accumulated") {
  StageModel model(1), fresh(5);
  model.forward(numbered(0), 10, true);
  model.backward(numbered(0), 20);
  model.forward(numbered(1), 11, true);
  model.restore(5);
  CHECK(model.kept() == 0);
  model.update();
  fresh.update();
  CHECK(model.weights() == fresh.weights());
}

}  // namespace
}  // namespace brigade::sim
