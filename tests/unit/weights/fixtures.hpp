// What the tests of weights and checkpoints share: a small model, a snapshot of it, a folder that
// goes away.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "stage_runtime/checkpoint.hpp"
#include "stage_runtime/initial_weights.hpp"

namespace brigade::stage {

inline ModelShape small_model() {
  ModelShape model;
  model.vocabulary = 11;
  model.context = 6;
  model.width = 8;
  model.blocks = 4;
  model.heads = 2;
  return model;
}

inline Slice whole(const ModelShape& model) {
  return {.stage = 0, .stages = 1, .first_block = 0, .blocks = model.blocks};
}

/// Even split of the model.
inline Slice slice_of(const ModelShape& model, std::uint32_t stage, std::uint32_t stages) {
  const std::uint32_t blocks = model.blocks / stages;
  return {.stage = stage, .stages = stages, .first_block = stage * blocks, .blocks = blocks};
}

/// Seeded weights; the moments are the weights of other seeds, so that every element differs.
inline Snapshot make_snapshot(const ModelShape& model, const Slice& slice) {
  Snapshot snapshot{.model = model,
                    .slice = slice,
                    .method = "nesterov",
                    .layout = Layout::make(model, slice),
                    .counters = {.steps = 7, .beta1_product = 0.478, .mu_product = 0.125},
                    .weights = {},
                    .moments = {}};
  const auto fill = [&](HostBuffer& buffer, std::uint64_t seed) {
    buffer = HostBuffer(snapshot.layout.buffer_size());
    fill_initial_weights(model, snapshot.layout, seed, buffer.span());
  };
  fill(snapshot.weights, 1);
  fill(snapshot.moments[0], 2);
  fill(snapshot.moments[1], 3);
  return snapshot;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "brigade-test-XXXXXX").string();
    BRIGADE_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

}  // namespace brigade::stage
