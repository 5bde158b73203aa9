// Stand-ins for what a daemon works with: a stage without tensors, checkpoint files that hold two
// numbers, tokens from nowhere.
#pragma once

#include <stdlib.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/checkpoint_store.hpp"
#include "daemon/payload.hpp"
#include "daemon/stage_worker.hpp"
#include "daemon/token_source.hpp"
#include "tests/catch.hpp"

namespace brigade::daemon::testing {

/// A folder of its own, gone at the end.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "brigade-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline constexpr std::uint32_t kBatch = 2;
inline constexpr std::uint32_t kTokens = 3;
inline constexpr std::uint32_t kWidth = 4;
inline constexpr std::uint32_t kVocabulary = 50;

inline StageShape shape_of(const stage::Slice& slice) {
  return {.batch = kBatch,
          .tokens = kTokens,
          .width = kWidth,
          .vocabulary = kVocabulary,
          .is_head = slice.is_head(),
          .is_tail = slice.is_tail()};
}

/// Adds one to every activation and gradient; its state is the number of its updates.
class FakeStage final : public stage::Stage {
 public:
  FakeStage(std::uint32_t index, std::uint32_t stages)
      : slice_{index, stages, index, 1}, elements_(std::size_t{kBatch} * kTokens * kWidth) {}

  Result<stage::ForwardResult> forward(const MicrobatchId& id, const stage::Encoded& activation,
                                       std::span<const std::int32_t> tokens, bool keeps,
                                       Codec answer) override {
    if (tokens.size() != std::size_t{kBatch} * (kTokens + 1))
      return make_error(ErrorCode::kProtocol, "wrong number of tokens");
    BRIGADE_ASSIGN(const std::vector<float> input, decoded(activation));
    stage::ForwardResult result;
    kept_ += keeps ? 1 : 0;
    if (slice_.is_tail()) {
      result.loss = {1.5 * kBatch * kTokens, kBatch * kTokens};
    } else {
      BRIGADE_ASSIGN(result.activation,
                     plus_one(input, answer, "the activation of micro-batch " + to_string(id)));
    }
    return result;
  }
  Result<stage::Bytes> backward(const MicrobatchId& id, const stage::Encoded&,
                                std::span<const std::int32_t>, const stage::Encoded& gradient,
                                Codec answer) override {
    BRIGADE_ASSIGN(const std::vector<float> values, decoded(gradient));
    kept_ -= 1;
    if (slice_.is_head()) return stage::Bytes{};
    return plus_one(values, answer, "the gradient of micro-batch " + to_string(id));
  }
  Result<stage::UpdateReport> update(const stage::UpdateOrder& order) override {
    ++updates_;
    return stage::UpdateReport{.learning_rate = 0.5,
                               .beta1 = 0.9,
                               .gradient_norm = 1.0 + static_cast<double>(order.update)};
  }
  void forget(const MicrobatchId&) override { kept_ -= 1; }
  void forget_all() override { kept_ = 0; }
  stage::SnapshotPtr snapshot() const override {
    const auto state = std::make_shared<std::uint64_t>(updates_);
    return {state, reinterpret_cast<const stage::Snapshot*>(state.get())};
  }
  Result<> reset() override {
    updates_ = 0;
    return {};
  }
  Result<> restore(std::span<const std::filesystem::path> files) override {
    std::ifstream in(files.front());
    if (!(in >> updates_)) return make_error(ErrorCode::kCorrupt, "no number in it");
    return {};
  }
  Result<stage::Bytes> share(std::uint64_t, Codec codec) const override {
    const std::vector<float> values(stage::kShareWidth, weight_);
    const std::size_t size = stage::encoded_bytes(codec, values.size());
    stage::Bytes out{std::make_unique<std::byte[]>(size), size};
    BRIGADE_TRY(stage::encode(codec, values, stage::Rounding::to_nearest(),
                              {out.data.get(), out.size}, "a share"));
    return out;
  }
  Result<> blend(std::uint64_t, const stage::Encoded& mine, const stage::Encoded& theirs,
                 double weight, double farthest) override {
    std::vector<float> own(stage::kShareWidth);
    std::vector<float> other(stage::kShareWidth);
    BRIGADE_TRY(stage::decode(mine.codec, mine.bytes, own, "mine"));
    BRIGADE_TRY(stage::decode(theirs.codec, theirs.bytes, other, "theirs"));
    if (std::abs(other.front() - own.front()) > farthest * std::abs(own.front()))
      return make_error(ErrorCode::kProtocol, "far away");
    weight_ += static_cast<float>(weight) * (other.front() - own.front());
    return {};
  }
  std::uint32_t share_blocks() const override { return 1; }
  std::uint64_t parameters() const override { return 10; }
  std::uint64_t param_bytes() const override { return 40; }
  std::uint64_t state_bytes() const override { return 120; }
  std::uint64_t kept_bytes() const override { return static_cast<std::uint64_t>(kept_) * 100; }
  std::uint32_t weight_versions() const override { return 1; }
  stage::Drift drift() const override { return {0.5, 0.25, 1}; }
  std::string device() const override { return "paper"; }

 private:
  /// Zeros where nothing came.
  Result<std::vector<float>> decoded(const stage::Encoded& encoded) const {
    std::vector<float> values(elements_, 0.0F);
    if (!encoded.bytes.empty())
      BRIGADE_TRY(stage::decode(encoded.codec, encoded.bytes, values, "it"));
    for (float& value : values) value *= encoded.scale;
    return values;
  }
  Result<stage::Bytes> plus_one(std::vector<float> values, Codec answer,
                                const std::string& what) const {
    constexpr float kTooLarge = 1e5F;  // makes it overflow, for tests
    for (float& value : values) value = value > kTooLarge ? value * 1e38F : value + 1;
    const std::size_t size = stage::encoded_bytes(answer, elements_);
    stage::Bytes out{std::make_unique<std::byte[]>(size), size};
    BRIGADE_TRY(stage::encode(answer, values, stage::Rounding::to_nearest(),
                              {out.data.get(), out.size}, what));
    return out;
  }

  const stage::Slice slice_;
  const std::size_t elements_;
  std::uint64_t updates_ = 0;
  float weight_ = 1;  // all that it shares
  std::int64_t kept_ = 0;
};

/// Ids that follow from the sequence; three evaluation batches.
class FakeTokens final : public TokenSource {
 public:
  std::vector<std::int32_t> draw(const MicrobatchId& id) override {
    const auto first = static_cast<std::int32_t>(id.sequence.value() % kVocabulary);
    return std::vector<std::int32_t>(std::size_t{kBatch} * (kTokens + 1), first);
  }
  std::uint64_t eval_batches() const override { return 3; }
};

/// What an upstream stage would send: every element `value`, every token `token`.
inline PayloadData make_activation(float value, std::int32_t token) {
  const PayloadShape shape{.codec = Codec::kFp32,
                           .batch = kBatch,
                           .tokens = kTokens,
                           .width = kWidth,
                           .has_tokens = true};
  PayloadBuffer buffer(shape.total_bytes());
  const std::vector<float> values(std::size_t{kBatch} * kTokens * kWidth, value);
  const std::vector<std::int32_t> tokens(std::size_t{kBatch} * (kTokens + 1), token);
  std::memcpy(buffer.bytes().data(), values.data(), shape.tensor_bytes());
  std::memcpy(buffer.bytes().data() + shape.tensor_bytes(), tokens.data(),
              shape.total_bytes() - shape.tensor_bytes());
  const std::uint64_t checksum = payload_checksum(buffer.bytes());
  return {shape, std::move(buffer).into_slice(), checksum};
}

inline PayloadData make_gradient(float value) {
  const PayloadShape shape{
      .codec = Codec::kFp32, .batch = kBatch, .tokens = kTokens, .width = kWidth};
  PayloadBuffer buffer(shape.total_bytes());
  const std::vector<float> values(std::size_t{kBatch} * kTokens * kWidth, value);
  std::memcpy(buffer.bytes().data(), values.data(), shape.tensor_bytes());
  const std::uint64_t checksum = payload_checksum(buffer.bytes());
  return {shape, std::move(buffer).into_slice(), checksum};
}

/// The same numbers, encoded.
inline PayloadData in_codec(Codec codec, const PayloadData& plain) {
  PayloadShape shape = plain.shape;
  shape.codec = codec;
  std::vector<float> values(plain.shape.tensor_bytes() / sizeof(float));
  std::memcpy(values.data(), plain.tensor().data(), plain.shape.tensor_bytes());
  PayloadBuffer buffer(shape.total_bytes());
  const auto tensor = buffer.bytes().first(shape.tensor_bytes());
  REQUIRE(stage::encode(codec, values, stage::Rounding::to_nearest(), tensor, "it").has_value());
  const auto tokens = plain.token_bytes();
  std::memcpy(buffer.bytes().data() + tensor.size(), tokens.data(), tokens.size());
  const std::uint64_t checksum = payload_checksum(buffer.bytes());
  return {shape, std::move(buffer).into_slice(), checksum};
}

inline float first_element(const PayloadData& payload) {
  float value = 0;
  std::memcpy(&value, payload.tensor().data(), sizeof value);
  return value;
}

inline MicrobatchId train_id(std::uint64_t sequence) {
  return {Epoch(1), HeadIndex(0), Sequence(sequence), MicrobatchId::Kind::kTrain};
}

/// A file holds "updates epoch position stage stages first_block blocks vocabulary". One that holds
/// anything else is corrupt.
inline Result<stage::CheckpointInfo> verify_text(const std::filesystem::path& file) {
  std::ifstream in(file);
  stage::CheckpointInfo info;
  if (!(in >> info.version >> info.epoch >> info.position >> info.slice.stage >>
        info.slice.stages >> info.slice.first_block >> info.slice.blocks >> info.model.vocabulary))
    return make_error(ErrorCode::kCorrupt, "not eight numbers");
  return info;
}

inline void write_text(const std::filesystem::path& file, const stage::CheckpointInfo& info) {
  std::ofstream(file) << info.version << ' ' << info.epoch << ' ' << info.position << ' '
                      << info.slice.stage << ' ' << info.slice.stages << ' '
                      << info.slice.first_block << ' ' << info.slice.blocks << ' '
                      << info.model.vocabulary << '\n';
}

/// As a stage writes: the snapshot is the number of updates, the slice its own.
inline CheckpointAccess text_access(const stage::Slice& slice) {
  return {.verify = verify_text,
          .write = [slice](const stage::Snapshot& snapshot, const stage::CheckpointInfo& info,
                           const std::filesystem::path& file) -> Result<> {
            stage::CheckpointInfo full = info;
            full.slice = slice;
            full.version = reinterpret_cast<const std::uint64_t&>(snapshot);
            write_text(file, full);
            return {};
          }};
}

}  // namespace brigade::daemon::testing
