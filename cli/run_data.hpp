// The data of a local run: found, prepared where it is text, and checked before anything starts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/swarm_config.hpp"

namespace brigade::cli {

struct RunData {
  std::filesystem::path train;  // token files
  std::filesystem::path validation;
  std::string description;         // one line: what it is and how much
  std::vector<std::string> notes;  // files left out, and why
};

/// `source` (--data): a text file, a folder of text, or a folder of token files (train.bin, val.bin
/// with their manifests). Empty: Debian's fortunes. Text is prepared into `out`.
Result<RunData> find_data(const std::string& source, const std::filesystem::path& out);

struct DataFigures {
  std::uint32_t vocabulary = 0;
  std::string tokenizer;
  double bytes_per_token = 1;  // of the validation text: nats a token into nats a byte
};
/// Opens both files: checksum, ids against the vocabulary, and enough tokens for one sequence.
Result<DataFigures> check_data(const std::filesystem::path& train,
                               const std::filesystem::path& validation,
                               const config::SwarmConfig& swarm);

}  // namespace brigade::cli
