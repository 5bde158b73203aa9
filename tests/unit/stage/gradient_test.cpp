// The written-out backward against finite differences of the forward.
#include <cmath>

#include "stage_runtime/checkpoint.hpp"
#include "tests/unit/stage/fixtures.hpp"
#include "tests/unit/weights/fixtures.hpp"

namespace brigade::stage {
namespace {

/// Gradient of the mean loss by one backward: with β1 = 0 and a rate of 0, an update leaves it in
/// the first moment and the weights as they were.
std::vector<float> gradient_of(Stage& stage, std::span<const std::int32_t> tokens) {
  must(stage.forward(id_of(0), {}, tokens, /*keeps=*/true));
  must(stage.backward(id_of(0), {}, tokens, {}));
  must(stage.update({.update = 0, .microbatches = 1}));
  const auto snapshot = stage.snapshot();
  const auto moment = snapshot->moments[0].span();
  return {moment.begin(), moment.end()};
}

double mean_loss(Stage& stage, std::span<const std::int32_t> tokens) {
  const ForwardResult result = must(stage.forward(id_of(1), {}, tokens, /*keeps=*/false));
  return result.loss.nats / result.loss.tokens;
}

/// The same stage with its weights moved by `distance` along `direction`.
void move_weights(Stage& stage, const Snapshot& start, std::span<const double> direction,
                  double distance, const TemporaryFolder& folder) {
  Snapshot moved{start.model, start.slice, start.method, start.optimizer, start.layout, {}, {}, {}};
  moved.weights = HostBuffer(start.layout.buffer_size());
  for (HostBuffer& moment : moved.moments) moment = HostBuffer(start.layout.buffer_size());
  for (std::size_t i = 0; i < direction.size(); ++i) {
    moved.weights.span()[i] = static_cast<float>(start.weights.span()[i] + distance * direction[i]);
    for (HostBuffer& moment : moved.moments) moment.span()[i] = 0.0F;
  }
  const std::vector<std::filesystem::path> files{folder / "moved.safetensors"};
  must(write_snapshot(moved, {}, files[0]));
  must(stage.restore(files));
}

void check_gradients(bool tied_head) {
  StageOptions options = small_stage();
  options.model.tied_head = tied_head;
  options.method.name = "gpipe";
  options.method.learning_rate = 0;
  options.method.beta1 = 0;
  options.method.clip = 0;
  const auto stage = must(Stage::make(options));
  const auto start = stage->snapshot();
  const auto tokens = random_tokens(options, 3);
  const std::vector<float> gradient = gradient_of(*stage, tokens);
  const TemporaryFolder folder;
  for (const Parameter& parameter : start->layout.parameters()) {
    // Along the gradient itself the loss changes most, so rounding in the loss matters least.
    double norm = 0;
    for (std::size_t i = 0; i < parameter.size; ++i) {
      norm += std::pow(gradient[parameter.offset + i], 2.0);
    }
    norm = std::sqrt(norm);
    INFO(parameter.name);
    REQUIRE(norm > 1e-5);
    std::vector<double> direction(start->layout.buffer_size());
    for (std::size_t i = 0; i < parameter.size; ++i) {
      direction[parameter.offset + i] = gradient[parameter.offset + i] / norm;
    }
    constexpr double kDistance = 0.02;
    move_weights(*stage, *start, direction, kDistance, folder);
    const double above = mean_loss(*stage, tokens);
    move_weights(*stage, *start, direction, -kDistance, folder);
    const double below = mean_loss(*stage, tokens);
    CHECK((above - below) / (2 * kDistance) == Approx(norm).epsilon(0.01).margin(2e-5));
  }
}

}  // namespace

TEST_CASE("every parameter's gradient is what finite differences of the loss say") {
  check_gradients(/*tied_head=*/false);
}

TEST_CASE("a tied head's gradient joins the embedding's") {
  check_gradients(/*tied_head=*/true);
}

}  // namespace brigade::stage
