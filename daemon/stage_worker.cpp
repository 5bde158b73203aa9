#include "daemon/stage_worker.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include "base/check.hpp"

namespace brigade::daemon {

namespace {

// In norms of one's own weights. In a real run (six nodes, 14,463 exchanges from the first update
// on) no two replicas were farther apart than 0.07; noise of the same size is 1.4 away, weights
// with their signs turned 2. Who has just begun with what it found may be far from the others.
constexpr double kFarthest = 1.2;
constexpr double kFarthestFromNewcomer = 1000;

Result<> check_shape(const PayloadShape& got, const PayloadShape& wanted) {
  if (got == wanted) return {};
  return make_error(
      ErrorCode::kProtocol,
      fmt::format("its shape is ({}, {}, {}){} where this stage wants ({}, {}, {}){}", got.batch,
                  got.tokens, got.width, got.has_tokens ? " with tokens" : "", wanted.batch,
                  wanted.tokens, wanted.width, wanted.has_tokens ? " with tokens" : ""));
}

FailedOutcome diverged(const MicrobatchId& id) {
  return {
      make_error(ErrorCode::kUnavailable,
                 fmt::format("the loss of micro-batch {} that this stage computed is not finite: "
                             "the training has diverged; lower the learning rate, or resume "
                             "from an older checkpoint",
                             to_string(id)))};
}

/// The bytes of a stage's answer, given to gRPC without a copy.
grpc::Slice into_slice(stage::Bytes bytes) {
  std::byte* data = bytes.data.release();
  return grpc::Slice(
      data, bytes.size, [](void* pointer) { delete[] static_cast<std::byte*>(pointer); }, data);
}

Result<> check_size(SizeGauge& gauge, double size) {
  if (auto refused = gauge.refuse(size))
    return make_error(ErrorCode::kProtocol, std::move(*refused));
  return {};
}

/// A stage's error about what it was given is the sender's; any other is our own failure.
ComputeOutcome failure(const MicrobatchId& id, swarm::Direction direction, Error error) {
  if (error.code == ErrorCode::kProtocol)
    return RejectedOutcome{id, direction, std::move(error.message)};
  return FailedOutcome{std::move(error)};
}

}  // namespace

StageWorker::StageWorker(const StageShape& shape, std::unique_ptr<stage::Stage> stage,
                         std::unique_ptr<TokenSource> source)
    : shape_(shape), stage_(std::move(stage)), source_(std::move(source)) {
  BRIGADE_CHECK(!shape_.is_head || source_ != nullptr, "a head without data");
}

std::optional<ComputeOutcome> StageWorker::carry_out(const ComputeTask& task) {
  return std::visit(
      [this](const auto& one) -> std::optional<ComputeOutcome> {
        using Task = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<Task, ForwardTask>) return forward(one);
        if constexpr (std::is_same_v<Task, BackwardTask>) return backward(one);
        if constexpr (std::is_same_v<Task, UpdateTask>) return update(one);
        if constexpr (std::is_same_v<Task, SnapshotTask>) return snapshot(one);
        if constexpr (std::is_same_v<Task, RestoreTask>) return restore(one);
        if constexpr (std::is_same_v<Task, ShareTask>) return share(one);
        if constexpr (std::is_same_v<Task, BlendTask>) return blend(one);
        if constexpr (std::is_same_v<Task, ForgetTask>) stage_->forget(one.id);
        return std::nullopt;
      },
      task);
}

Result<StageWorker::Input> StageWorker::decode(const MicrobatchId& id,
                                               const std::optional<PayloadData>& payload) {
  if (shape_.is_head) return Input{{}, source_->draw(id)};
  if (!payload) return make_error(ErrorCode::kProtocol, "it came without bytes");
  BRIGADE_TRY(
      check_shape(payload->shape, payload_shape(payload->shape.codec, /*has_tokens=*/true)));
  const auto bytes = payload->token_bytes();
  Input input{{payload->tensor(), payload->shape.codec},
              std::vector<std::int32_t>(bytes.size() / sizeof(std::int32_t))};
  std::memcpy(input.tokens.data(), bytes.data(), bytes.size());
  const auto stranger = std::find_if(input.tokens.begin(), input.tokens.end(), [&](auto token) {
    return token < 0 || static_cast<std::uint32_t>(token) >= shape_.vocabulary;
  });
  if (stranger != input.tokens.end())
    return make_error(ErrorCode::kProtocol,
                      fmt::format("it holds token id {}, past the vocabulary of {}", *stranger,
                                  shape_.vocabulary));
  return input;
}

PayloadShape StageWorker::payload_shape(Codec codec, bool has_tokens) const {
  return {.codec = codec,
          .batch = shape_.batch,
          .tokens = shape_.tokens,
          .width = shape_.width,
          .has_tokens = has_tokens};
}

Result<PayloadData> StageWorker::join(const PayloadShape& shape, const stage::Bytes& activation,
                                      const std::vector<std::int32_t>& tokens) const {
  BRIGADE_CHECK(activation.size == shape.tensor_bytes(), "a stage answered in another shape");
  PayloadBuffer buffer(shape.total_bytes());
  if (!buffer.is_valid())
    return make_error(ErrorCode::kLimit, fmt::format("no memory for an activation of {} bytes; "
                                                     "use a smaller batch or window",
                                                     shape.total_bytes()));
  const auto out = buffer.bytes();
  std::memcpy(out.data(), activation.data.get(), activation.size);
  std::memcpy(out.data() + activation.size, tokens.data(), out.size() - activation.size);
  const std::uint64_t checksum = payload_checksum(out);
  return PayloadData{shape, std::move(buffer).into_slice(), checksum};
}

double StageWorker::size_of(const PayloadData& payload) const {
  const std::uint64_t elements = std::uint64_t{shape_.batch} * shape_.tokens * shape_.width;
  return stage::root_mean_square(payload.shape.codec, payload.tensor(), elements);
}

ComputeOutcome StageWorker::forward(const ForwardTask& task) {
  auto input = decode(task.id, task.input);
  if (input.has_value() && task.input) {
    if (auto fits = check_size(activations_, size_of(*task.input)); fits.has_error())
      input = std::move(fits).error();
  }
  if (input.has_error())
    return failure(task.id, swarm::Direction::kForward, std::move(input).error());
  auto result = stage_->forward(task.id, input->activation, input->tokens, task.keeps, task.answer);
  if (result.has_error())
    return failure(task.id, swarm::Direction::kForward, std::move(result).error());
  if (!std::isfinite(result->loss.nats)) return diverged(task.id);
  if (shape_.is_tail)
    return ForwardOutcome{task.id, std::nullopt, {result->loss.nats, result->loss.tokens}};
  auto output =
      join(payload_shape(task.answer, /*has_tokens=*/true), result->activation, input->tokens);
  if (output.has_error()) return FailedOutcome{std::move(output).error()};
  return ForwardOutcome{task.id, std::move(output).value(), {}};
}

ComputeOutcome StageWorker::backward(const BackwardTask& task) {
  auto input = decode(task.id, task.input);
  if (input.has_error()) return FailedOutcome{std::move(input).error()};  // the forward took it
  stage::Encoded gradient;
  double tamed = 1;
  if (!shape_.is_tail) {
    if (!task.gradient)
      return RejectedOutcome{task.id, swarm::Direction::kBackward, "it came without bytes"};
    const PayloadShape& got = task.gradient->shape;
    const auto fits = check_shape(got, payload_shape(got.codec, /*has_tokens=*/false));
    if (fits.has_error()) return failure(task.id, swarm::Direction::kBackward, fits.error());
    const double size = size_of(*task.gradient);
    tamed = gradients_.tame(size);
    if (tamed == 1) {
      if (auto sized = check_size(gradients_, size); sized.has_error())
        return failure(task.id, swarm::Direction::kBackward, std::move(sized).error());
    }
    gradient = {task.gradient->tensor(), got.codec};
    gradient.scale = static_cast<float>(tamed);
  }
  auto result = stage_->backward(task.id, input->activation, input->tokens, gradient, task.answer);
  if (result.has_error())
    return failure(task.id, swarm::Direction::kBackward, std::move(result).error());
  if (shape_.is_head) return BackwardOutcome{task.id, std::nullopt, tamed};
  const PayloadShape shape = payload_shape(task.answer, /*has_tokens=*/false);
  BRIGADE_CHECK(result->size == shape.tensor_bytes(), "a stage answered in another shape");
  const std::uint64_t checksum = payload_checksum(result->view());
  return BackwardOutcome{
      task.id, PayloadData{shape, into_slice(std::move(result).value()), checksum}, tamed};
}

ComputeOutcome StageWorker::update(const UpdateTask& task) {
  const auto report = stage_->update(task.order);
  if (report.has_error()) return FailedOutcome{report.error()};
  return UpdateOutcome{Version(task.version.value() + 1), *report};
}

ComputeOutcome StageWorker::snapshot(const SnapshotTask& task) {
  return SnapshotOutcome{task.checkpoint, task.info, stage_->snapshot()};
}

PayloadShape StageWorker::share_shape(Codec codec) const {
  return {
      .codec = codec, .batch = 1, .tokens = stage_->share_blocks(), .width = stage::kShareWidth};
}

ComputeOutcome StageWorker::share(const ShareTask& task) {
  const PayloadShape shape = share_shape(Codec::kFp32);
  auto bytes = stage_->share(task.round, shape.codec);
  if (bytes.has_error()) return FailedOutcome{std::move(bytes).error()};
  BRIGADE_CHECK(bytes->size == shape.tensor_bytes(), "a stage shares in another shape");
  const std::uint64_t checksum = payload_checksum(bytes->view());
  return ShareOutcome{task.round, {shape, into_slice(std::move(bytes).value()), checksum}};
}

ComputeOutcome StageWorker::blend(const BlendTask& task) {
  const Codec codec = task.theirs.shape.codec;
  const auto fits = check_shape(task.theirs.shape, share_shape(codec));
  if (fits.has_error()) return BlendOutcome{task.round, fits.error().message};
  const auto blended = stage_->blend(task.round, {task.mine.tensor(), task.mine.shape.codec},
                                     {task.theirs.tensor(), codec}, task.weight,
                                     task.have_learned ? kFarthest : kFarthestFromNewcomer);
  if (blended.has_value()) return BlendOutcome{task.round, {}};
  if (blended.error().code == ErrorCode::kProtocol)
    return BlendOutcome{task.round, blended.error().message};
  return FailedOutcome{blended.error()};
}

ComputeOutcome StageWorker::restore(const RestoreTask& task) {
  stage_->forget_all();
  activations_.restart();
  gradients_.restart();
  const auto restored = task.files.empty() ? stage_->reset() : stage_->restore(task.files);
  return RestoreOutcome{task.checkpoint, restored.has_value(),
                        restored.has_error() ? restored.error().message : std::string{}};
}

}  // namespace brigade::daemon
