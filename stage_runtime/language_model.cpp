#include "stage_runtime/language_model.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "stage_runtime/arena.hpp"
#include "stage_runtime/checkpoint.hpp"
#include "stage_runtime/slice_model.hpp"
#include "stage_runtime/token_batch.hpp"

namespace brigade::stage {
namespace {

/// Runs `body` without autograd and turns foreign exceptions into errors.
template <class Body>
auto guarded(const char* what, const Body& body) -> decltype(body()) {
  try {
    const c10::InferenceMode no_autograd;
    return body();
  } catch (const std::exception& error) {
    const std::string_view text = error.what();
    return make_error(ErrorCode::kUnsupported,
                      fmt::format("{}: {}", what, text.substr(0, text.find('\n'))));
  }
}

class WholeModel final : public LanguageModel {
 public:
  WholeModel(const ModelShape& model, std::unique_ptr<Device> device)
      : model_(model),
        slice_{.stage = 0, .stages = 1, .first_block = 0, .blocks = model.blocks},
        device_(std::move(device)),
        layout_(Layout::make(model, slice_)) {}

  Result<> restore(std::span<const std::filesystem::path> files) {
    HostBuffer weights(layout_.buffer_size());
    const RestoreTarget target{model_, layout_, weights.span(), {}};
    BRIGADE_TRY(restore_state(files, target));
    const at::Tensor flat = at::empty({static_cast<std::int64_t>(layout_.buffer_size())},
                                      at::TensorOptions().device(device_->torch_device()));
    upload(weights.span(), flat);
    flat_ = flat.to(device_->compute_type());
    weights_ = ModelTensors::view(layout_, slice_, flat_);
    return {};
  }

  const ModelShape& shape() const override { return model_; }
  std::uint64_t parameters() const override { return layout_.parameter_count(); }

  Result<std::vector<float>> logits(std::span<const std::int32_t> tokens) override {
    if (tokens.empty()) return make_error(ErrorCode::kBadInput, "the prompt holds no token");
    if (tokens.size() > model_.context) tokens = tokens.last(model_.context);
    // The batch's rows end with a target; here it is not known, and any token will do.
    std::vector<std::int32_t> row(tokens.begin(), tokens.end());
    row.push_back(tokens.back());
    return guarded("logits", [&]() -> Result<std::vector<float>> {
      BRIGADE_ASSIGN(const TokenBatch batch,
                     make_token_batch(model_, row, static_cast<std::uint32_t>(tokens.size()),
                                      device_->torch_device()));
      const at::Tensor hidden = run_blocks(batch);
      const at::Tensor last = hidden.narrow(0, hidden.size(0) - 1, 1);
      const BatchShape one{1, 1, batch.shape.width, batch.shape.heads, batch.shape.epsilon};
      const at::Tensor scores =
          tail_logits(weights_, one, last, nullptr).to(at::kCPU, at::kFloat).contiguous();
      const auto* data = scores.const_data_ptr<float>();
      return std::vector<float>(data, data + scores.numel());
    });
  }

  Result<Loss> loss(std::span<const std::int32_t> tokens, std::uint32_t batch_size) override {
    const std::size_t row = batch_size == 0 ? 0 : tokens.size() / batch_size;
    if (row < 2 || row - 1 > model_.context) {
      return make_error(ErrorCode::kBadInput,
                        fmt::format("{} tokens are no {} sequences of 2 to {}", tokens.size(),
                                    batch_size, std::uint64_t{model_.context} + 1));
    }
    return guarded("loss", [&]() -> Result<Loss> {
      BRIGADE_ASSIGN(const TokenBatch batch,
                     make_token_batch(model_, tokens, static_cast<std::uint32_t>(row - 1),
                                      device_->torch_device()));
      const double nats =
          tail_loss(weights_, batch.shape, run_blocks(batch), batch.targets, nullptr);
      return Loss{nats, static_cast<std::uint32_t>(batch.shape.rows())};
    });
  }

 private:
  at::Tensor run_blocks(const TokenBatch& batch) const {
    at::Tensor hidden = embed(weights_, batch.shape, batch.indices);
    for (const BlockTensors& block : weights_.blocks) {
      hidden = block_forward(block, batch.shape, hidden, nullptr);
    }
    return hidden;
  }

  ModelShape model_;
  Slice slice_;
  std::unique_ptr<Device> device_;
  Layout layout_;
  at::Tensor flat_;
  ModelTensors weights_;
};

}  // namespace

Result<std::unique_ptr<LanguageModel>> LanguageModel::load(const ModelFiles& files,
                                                           const std::string& device,
                                                           std::uint32_t threads) {
  return guarded("model", [&]() -> Result<std::unique_ptr<LanguageModel>> {
    BRIGADE_ASSIGN(auto opened, Device::open(device, threads));
    auto model = std::make_unique<WholeModel>(files.model, std::move(opened));
    BRIGADE_TRY(model->restore(files.weights));
    return std::unique_ptr<LanguageModel>(std::move(model));
  });
}

}  // namespace brigade::stage
