// A folder of golden vectors and the trajectory cases in it: what its README describes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "stage_runtime/stage.hpp"

namespace brigade::vectors {

/// The token file: micro-batch m is tokens[m · batch · (length+1) …], rows of length+1.
struct TokenSet {
  std::uint32_t microbatches = 0;
  std::uint32_t batch = 0;
  std::uint32_t length = 0;  // T
  std::vector<std::int32_t> tokens;
  std::span<const std::int32_t> microbatch(std::uint32_t index) const;
};

enum class Order { kAsynchronous, kSynchronous };

struct VectorCase {
  std::string name;
  stage::MethodSettings method;
  Order order = Order::kAsynchronous;
  bool recompute = false;
  std::uint32_t microbatches = 0;
  std::vector<std::uint32_t> blocks;  // of each stage
  std::vector<double> losses;         // of each micro-batch
  bool has_final_loss = false;
  double final_loss = 0;  // of micro-batch 0 on the final weights
};

struct VectorFolder {
  std::filesystem::path path;
  stage::ModelShape model;
  TokenSet tokens;
};

Result<VectorFolder> open_folder(const std::filesystem::path& path);

/// Names of the cases: NAME.json with NAME.final.safetensors, and opt_NAME.safetensors; sorted.
Result<std::vector<std::string>> list_cases(const std::filesystem::path& path);

/// kUnsupported if its method is none of Brigade's.
Result<VectorCase> read_case(const VectorFolder& folder, const std::string& name);

}  // namespace brigade::vectors
