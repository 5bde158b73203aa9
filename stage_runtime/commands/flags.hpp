// The commands that brigade-stage carries out, as `brigade` offers them: flags, bounds, help. One
// description for both programs: `brigade` checks what the user wrote and shows the help in no
// time, then becomes brigade-stage with the same words. Needs no torch.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace brigade::stage {

/// Which model.
struct ModelFlags {
  std::string folder;  // of a run, or of *.safetensors
  std::optional<std::uint64_t> position;
  bool prints_json = false;
};

/// What computes.
struct DeviceFlags {
  std::string device = "auto";
  std::uint32_t threads = 0;  // all cores
};

struct EvalFlags : ModelFlags, DeviceFlags {
  std::string data;           // empty: the run's own
  std::uint64_t batches = 0;  // all
  std::optional<std::uint32_t> batch;
  std::optional<std::uint32_t> context;
};

struct GenerateFlags : ModelFlags, DeviceFlags {
  std::string prompt;
  std::string tokenizer;  // empty: the one that it was trained with
  std::uint64_t tokens = 200;
  double temperature = 0.8;
  std::uint32_t top_k = 0;  // all
  std::uint64_t seed = 1;
};

struct ExportFlags : ModelFlags {
  std::string out;
};

struct PrepareFlags {
  std::vector<std::string> inputs;
  std::string out;
  std::string tokenizer = "bytes";
  double validation_share = 0.1;
  bool prints_json = false;
};

/// Each adds one subcommand, whose parsing fills `flags`.
CLI::App* add_command(CLI::App& app, EvalFlags& flags);
CLI::App* add_command(CLI::App& app, GenerateFlags& flags);
CLI::App* add_command(CLI::App& app, ExportFlags& flags);
CLI::App* add_command(CLI::App& app, PrepareFlags& flags);

void add_model_flags(CLI::App& command, ModelFlags& flags);
void add_device_flags(CLI::App& command, DeviceFlags& flags);

}  // namespace brigade::stage
