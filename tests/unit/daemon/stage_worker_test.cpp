#include "daemon/stage_worker.hpp"

#include <limits>

#include "daemon/transcode.hpp"
#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

StageWorker make_worker(std::uint32_t index, std::uint32_t stages) {
  auto stage = std::make_unique<FakeStage>(index, stages);
  std::unique_ptr<TokenSource> source;
  if (index == 0) source = std::make_unique<FakeTokens>();
  return StageWorker(shape_of({index, stages, index, 1}), std::move(stage), std::move(source));
}

template <class Outcome>
Outcome expect(std::optional<ComputeOutcome> outcome) {
  REQUIRE(outcome.has_value());
  REQUIRE(std::holds_alternative<Outcome>(*outcome));
  return std::get<Outcome>(std::move(*outcome));
}

TEST_CASE("a head draws its tokens and sends them along with its activation") {
  auto head = make_worker(0, 2);
  const auto outcome = expect<ForwardOutcome>(head.carry_out(ForwardTask{train_id(9), {}, true}));
  REQUIRE(outcome.output.has_value());
  CHECK(outcome.id == train_id(9));
  CHECK(first_element(*outcome.output) == 1);
  CHECK(outcome.output->shape == make_activation(0, 0).shape);
  CHECK(outcome.output->checksum ==
        payload_checksum({reinterpret_cast<const std::byte*>(outcome.output->bytes.begin()),
                          outcome.output->bytes.size()}));
  std::int32_t token = 0;
  std::memcpy(&token, outcome.output->token_bytes().data(), sizeof token);
  CHECK(token == 9);
}

TEST_CASE("a middle stage passes tokens on unchanged and answers gradients with gradients") {
  auto middle = make_worker(1, 3);
  const auto forward =
      expect<ForwardOutcome>(middle.carry_out(ForwardTask{train_id(1), make_activation(4, 7)}));
  REQUIRE(forward.output.has_value());
  CHECK(first_element(*forward.output) == 5);
  const auto sent = make_activation(4, 7);
  CHECK(std::ranges::equal(forward.output->token_bytes(), sent.token_bytes()));

  const auto backward = expect<BackwardOutcome>(
      middle.carry_out(BackwardTask{train_id(1), make_activation(4, 7), make_gradient(2)}));
  REQUIRE(backward.gradient.has_value());
  CHECK(first_element(*backward.gradient) == 3);
  CHECK_FALSE(backward.gradient->shape.has_tokens);
}

TEST_CASE("what goes out is in the codec asked for, whatever came in") {
  auto middle = make_worker(1, 3);
  for (const Codec came : stage::kCodecs) {
    for (const Codec asked : stage::kCodecs) {
      CAPTURE(stage::codec_name(came), stage::codec_name(asked));
      const auto input = in_codec(came, make_activation(4, 7));
      const auto forward =
          expect<ForwardOutcome>(middle.carry_out(ForwardTask{train_id(1), input, true, asked}));
      REQUIRE(forward.output.has_value());
      CHECK(forward.output->shape.codec == asked);
      CHECK(first_element(to_fp32(*forward.output).value()) == Approx(5).epsilon(1e-6));
      CHECK(std::ranges::equal(forward.output->token_bytes(), input.token_bytes()));

      const auto gradient = in_codec(came, make_gradient(2));
      const auto backward = expect<BackwardOutcome>(
          middle.carry_out(BackwardTask{train_id(1), input, gradient, asked}));
      REQUIRE(backward.gradient.has_value());
      CHECK(backward.gradient->shape.codec == asked);
      CHECK(first_element(to_fp32(*backward.gradient).value()) == Approx(3).epsilon(1e-6));
    }
  }
}

TEST_CASE("a payload in fp32 holds the numbers and tokens that were in it before") {
  for (const Codec codec : stage::kCodecs) {
    for (const auto& payload : {make_activation(3, 9), make_gradient(3)}) {
      const PayloadData plain = to_fp32(in_codec(codec, payload)).value();
      CHECK(plain.shape == payload.shape);
      CHECK(first_element(plain) == Approx(3).epsilon(1e-6));
      CHECK(std::ranges::equal(plain.token_bytes(), payload.token_bytes()));
      CHECK(plain.checksum ==
            payload_checksum(
                {reinterpret_cast<const std::byte*>(plain.bytes.begin()), plain.bytes.size()}));
    }
  }
}

TEST_CASE("a tail answers with a loss, and starts the backward itself") {
  auto tail = make_worker(1, 2);
  const auto forward =
      expect<ForwardOutcome>(tail.carry_out(ForwardTask{train_id(1), make_activation(4, 7)}));
  CHECK_FALSE(forward.output.has_value());
  CHECK(forward.loss.tokens == kBatch * kTokens);
  const auto backward =
      expect<BackwardOutcome>(tail.carry_out(BackwardTask{train_id(1), make_activation(4, 7), {}}));
  CHECK(backward.gradient.has_value());
}

TEST_CASE("the only stage of a line needs nobody's bytes") {
  auto only = make_worker(0, 1);
  const auto forward = expect<ForwardOutcome>(only.carry_out(ForwardTask{train_id(1), {}}));
  CHECK_FALSE(forward.output.has_value());
  CHECK(forward.loss.tokens > 0);
  const auto backward = expect<BackwardOutcome>(only.carry_out(BackwardTask{train_id(1), {}, {}}));
  CHECK_FALSE(backward.gradient.has_value());
}

TEST_CASE("bytes that make no sense are the sender's fault, and the reason says which") {
  auto middle = make_worker(1, 3);
  const auto reason_of = [&](ComputeTask task, swarm::Direction direction) {
    const auto rejected = expect<RejectedOutcome>(middle.carry_out(task));
    CHECK(rejected.direction == direction);
    CHECK(rejected.id == train_id(1));
    return rejected.reason;
  };
  const auto forward = swarm::Direction::kForward;
  SECTION("no bytes") {
    CHECK(reason_of(ForwardTask{train_id(1), {}}, forward) == "it came without bytes");
  }
  SECTION("another width") {
    auto lying = make_activation(1, 1);
    lying.shape.width += 1;
    CHECK(reason_of(ForwardTask{train_id(1), lying}, forward).find("shape is (2, 3, 5)") !=
          std::string::npos);
  }
  SECTION("a token past the vocabulary") {
    CHECK(reason_of(ForwardTask{train_id(1), make_activation(1, kVocabulary)}, forward)
              .find("token id 50") != std::string::npos);
  }
  SECTION("a negative token") {
    CHECK(
        reason_of(ForwardTask{train_id(1), make_activation(1, -1)}, forward).find("token id -1") !=
        std::string::npos);
  }
  SECTION("not a number in an activation") {
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(
        reason_of(ForwardTask{train_id(1), make_activation(nan, 1)}, forward).find("not finite") !=
        std::string::npos);
  }
  SECTION("not a number in a gradient") {
    const auto infinity = std::numeric_limits<float>::infinity();
    CHECK(reason_of(BackwardTask{train_id(1), make_activation(1, 1), make_gradient(infinity)},
                    swarm::Direction::kBackward)
              .find("not finite") != std::string::npos);
  }
  SECTION("a scale that int8 cannot have") {
    auto lying = in_codec(Codec::kInt8, make_activation(1, 1));
    const float scale = -1;
    std::memcpy(const_cast<std::uint8_t*>(lying.bytes.begin()), &scale, sizeof scale);
    CHECK(reason_of(ForwardTask{train_id(1), lying}, forward).find("a scale that int8 cannot") !=
          std::string::npos);
  }
  SECTION("an activation where a gradient belongs") {
    CHECK(reason_of(BackwardTask{train_id(1), make_activation(1, 1), make_activation(1, 1)},
                    swarm::Direction::kBackward)
              .find("with tokens") != std::string::npos);
  }
}

TEST_CASE("values of its own that are not finite are a stage's own failure") {
  auto middle = make_worker(1, 3);
  const float huge = 2e5F;  // which the paper stage makes overflow
  const auto failed =
      expect<FailedOutcome>(middle.carry_out(ForwardTask{train_id(1), make_activation(huge, 1)}));
  CHECK(failed.error.message.find("the activation of micro-batch 1/0/1") != std::string::npos);
  CHECK(failed.error.message.find("diverged") != std::string::npos);
  const auto gradient = expect<FailedOutcome>(
      middle.carry_out(BackwardTask{train_id(1), make_activation(1, 1), make_gradient(huge)}));
  CHECK(gradient.error.message.find("the gradient of micro-batch") != std::string::npos);
}

TEST_CASE("an update counts versions, and a restore that fails says why") {
  auto middle = make_worker(1, 3);
  const auto update =
      expect<UpdateOutcome>(middle.carry_out(UpdateTask{{.update = 41}, Version(41)}));
  CHECK(update.version == Version(42));
  CHECK(update.report.learning_rate == 0.5);
  const auto failed =
      expect<RestoreOutcome>(middle.carry_out(RestoreTask{{Epoch(1), 10}, {"/nonexistent/file"}}));
  CHECK_FALSE(failed.succeeded);
  CHECK(failed.error == "no number in it");
  CHECK(expect<RestoreOutcome>(middle.carry_out(RestoreTask{{Epoch(1), 0}, {}})).succeeded);
  CHECK_FALSE(middle.carry_out(ForgetTask{train_id(1)}).has_value());
}

PayloadData make_share(float value, std::uint32_t width = stage::kShareWidth) {
  const PayloadShape shape{.codec = Codec::kFp32, .batch = 1, .tokens = 1, .width = width};
  PayloadBuffer buffer(shape.total_bytes());
  const std::vector<float> values(width, value);
  std::memcpy(buffer.bytes().data(), values.data(), shape.total_bytes());
  const std::uint64_t checksum = payload_checksum(buffer.bytes());
  return {shape, std::move(buffer).into_slice(), checksum};
}

TEST_CASE("a share has the shape that another replica wants, and a blend meets in the middle") {
  auto middle = make_worker(1, 3);
  const auto mine = expect<ShareOutcome>(middle.carry_out(ShareTask{7}));
  CHECK(mine.round == 7);
  CHECK(mine.payload.shape == make_share(0).shape);
  CHECK(mine.payload.checksum == make_share(1).checksum);
  const auto blended =
      expect<BlendOutcome>(middle.carry_out(BlendTask{7, mine.payload, make_share(3), 0.5}));
  CHECK(blended.rejected.empty());
  const auto after = expect<ShareOutcome>(middle.carry_out(ShareTask{8}));
  CHECK(after.payload.checksum == make_share(2).checksum);
}

TEST_CASE("a share of another shape, or of values that are none, changes nothing") {
  auto middle = make_worker(1, 3);
  const auto mine = expect<ShareOutcome>(middle.carry_out(ShareTask{1}));
  for (const PayloadData& theirs : {make_share(3, 512), make_gradient(3),
                                    make_share(std::numeric_limits<float>::quiet_NaN())}) {
    const auto refused =
        expect<BlendOutcome>(middle.carry_out(BlendTask{1, mine.payload, theirs, 0.5}));
    CHECK_FALSE(refused.rejected.empty());
  }
  const auto after = expect<ShareOutcome>(middle.carry_out(ShareTask{2}));
  CHECK(after.payload.checksum == mine.payload.checksum);
}

TEST_CASE("an activation that has exploded is refused, a gradient brought to the usual size") {
  auto middle = make_worker(1, 3);
  for (int i = 0; i < 40; ++i) {
    expect<ForwardOutcome>(middle.carry_out(ForwardTask{train_id(1), make_activation(4, 7)}));
    expect<BackwardOutcome>(
        middle.carry_out(BackwardTask{train_id(1), make_activation(4, 7), make_gradient(2)}));
  }
  const auto forward =
      expect<RejectedOutcome>(middle.carry_out(ForwardTask{train_id(2), make_activation(4e5F, 7)}));
  CHECK(forward.reason.find("exploded") != std::string::npos);
  const auto usual = expect<BackwardOutcome>(
      middle.carry_out(BackwardTask{train_id(1), make_activation(4, 7), make_gradient(2)}));
  CHECK(usual.tamed == 1);
  const auto tamed = expect<BackwardOutcome>(
      middle.carry_out(BackwardTask{train_id(1), make_activation(4, 7), make_gradient(2e5F)}));
  CHECK(tamed.tamed == Approx(1e-5).epsilon(0.01));
  CHECK(stage::root_mean_square(Codec::kFp32, tamed.gradient->tensor(),
                                std::uint64_t{kBatch} * kTokens * kWidth) == Approx(2 + 1));
  expect<ForwardOutcome>(middle.carry_out(ForwardTask{train_id(2), make_activation(4, 7)}));
}

TEST_CASE("weights far from one's own are refused where both sides have learned") {
  auto middle = make_worker(1, 3);
  const auto mine = expect<ShareOutcome>(middle.carry_out(ShareTask{1})).payload;
  const auto far = [&](float factor) {
    std::vector<float> values(stage::kShareWidth);
    REQUIRE(stage::decode(Codec::kFp32, mine.tensor(), values, "mine").has_value());
    for (float& value : values) value *= factor;
    PayloadBuffer buffer(mine.tensor().size());
    std::memcpy(buffer.bytes().data(), values.data(), buffer.bytes().size());
    return PayloadData{mine.shape, std::move(buffer).into_slice(), 0};
  };
  const auto blend = [&](const PayloadData& theirs, bool have_learned) {
    return expect<BlendOutcome>(middle.carry_out(BlendTask{1, mine, theirs, 0.5, have_learned}))
        .rejected;
  };
  CHECK(blend(far(-1), true) != "");
  CHECK(blend(far(1.5), true) == "");
  CHECK(blend(far(-1), false) == "");  // a newcomer may be anywhere
  CHECK(blend(far(1e6F), false) != "");
}

}  // namespace
}  // namespace brigade::daemon::testing
