// Where a head's micro-batches come from: a pure function of the micro-batch's id.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace brigade::daemon {

class TokenSource {
 public:
  virtual ~TokenSource() = default;
  /// (B, T+1) row-major. Evaluation batches walk the validation split from its start: the core
  /// numbers them so, and `sequence` is below eval_batches().
  virtual std::vector<std::int32_t> draw(const MicrobatchId& id) = 0;
  /// Batches of the whole validation split.
  virtual std::uint64_t eval_batches() const = 0;
};

/// Of data that are not here yet: nothing is drawn before it is opened.
class LateTokenSource final : public TokenSource {
 public:
  explicit LateTokenSource(std::uint64_t eval_batches) : eval_batches_(eval_batches) {}
  /// Once, before whoever draws is told that there is something to draw.
  void open(std::unique_ptr<TokenSource> source) { source_ = std::move(source); }
  std::vector<std::int32_t> draw(const MicrobatchId& id) override;
  std::uint64_t eval_batches() const override { return eval_batches_; }

 private:
  const std::uint64_t eval_batches_;
  std::unique_ptr<TokenSource> source_;
};

struct TokenSourceOptions {
  std::string train;       // token file
  std::string validation;  // token file; empty: no evaluation
  std::uint64_t seed = 1;
  std::uint32_t vocabulary = 256;  // of the model: larger ids are refused
  std::uint32_t batch = 8;         // B
  std::uint32_t tokens = 128;      // T
};

/// Opens and checks both files. kBadInput or kNotFound say which file and what to do.
Result<std::unique_ptr<TokenSource>> open_token_source(const TokenSourceOptions& options);

}  // namespace brigade::daemon
