// brigade-line SWARM.toml: a run of that file in one process, every stage a real Stage, in the
// order of lock-step; for benches, and to compare daemons with. Prints one JSON object.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/random.hpp"
#include "config/methods.hpp"
#include "config/swarm_config.hpp"
#include "daemon/settings.hpp"
#include "daemon/token_source.hpp"
#include "tests/vectors/pipeline.hpp"

namespace brigade::vectors {
namespace {

struct Flags {
  std::string swarm;
  std::string losses;
  double lateness = 1;
  std::uint64_t jitter = 0;
};

MicrobatchId id_of(MicrobatchId::Kind kind, std::uint64_t sequence) {
  return {.epoch = Epoch(1), .head = HeadIndex(0), .sequence = Sequence(sequence), .kind = kind};
}

/// Uniform in the logarithm between half and twice, a pure function of the micro-batch.
double jittered(std::uint64_t seed, std::uint32_t microbatch) {
  Random random(mix_seed(seed ^ (std::uint64_t{microbatch} << 20)));
  return std::exp2(2 * random.uniform() - 1);
}

Result<Line> make_line(const config::SwarmConfig& swarm, const Flags& flags) {
  LineOptions options{.model = daemon::to_model_shape(swarm.model),
                      .method = daemon::to_method_settings(swarm),
                      .blocks = {},
                      .batch = swarm.run.batch,
                      .tokens = swarm.run.context,
                      .recompute = swarm.method.recompute == "on",
                      .is_synchronous = config::find_method(swarm.method.name)->is_synchronous,
                      .seed = swarm.run.seed};
  const stage::SliceCost cost = stage::model_cost(options.model, swarm.run.context);
  for (std::uint32_t i = 0; i < swarm.stages; ++i) {
    BRIGADE_ASSIGN(const stage::Slice slice, daemon::to_slice(swarm, i, cost));
    options.blocks.push_back(slice.blocks);
  }
  if (flags.jitter != 0) {
    options.lateness = [seed = flags.jitter](std::uint32_t m) { return jittered(seed, m); };
  } else if (flags.lateness != 1) {
    options.lateness = [times = flags.lateness](std::uint32_t) { return times; };
  }
  return Line::make(options);
}

Result<double> validate(Line& line, daemon::TokenSource& source) {
  double sum = 0;
  for (std::uint64_t b = 0; b < source.eval_batches(); ++b) {
    BRIGADE_ASSIGN(const double loss,
                   line.evaluate(source.draw(id_of(MicrobatchId::Kind::kEval, b))));
    sum += loss;
  }
  return sum / static_cast<double>(source.eval_batches());
}

Result<> write_losses(const std::string& path, const std::vector<double>& losses) {
  std::ofstream file(path);
  file << "microbatch,loss\n";
  for (std::size_t m = 0; m < losses.size(); ++m) file << fmt::format("{},{}\n", m + 1, losses[m]);
  file.flush();
  if (file) return {};
  return make_error(ErrorCode::kIo, fmt::format("{}: can't be written", path));
}

Result<> run(const Flags& flags) {
  const auto start = std::chrono::steady_clock::now();
  BRIGADE_ASSIGN(const config::SwarmConfig swarm, config::load_swarm_config(flags.swarm));
  BRIGADE_ASSIGN(Line line, make_line(swarm, flags));
  BRIGADE_ASSIGN(const auto source,
                 daemon::open_token_source(daemon::to_token_source_options(swarm)));
  std::map<std::uint32_t, std::vector<std::int32_t>> drawn;
  const auto data = [&](std::uint32_t m) -> std::span<const std::int32_t> {
    auto& tokens = drawn[m];
    if (tokens.empty()) tokens = source->draw(id_of(MicrobatchId::Kind::kTrain, m));
    return tokens;
  };
  BRIGADE_ASSIGN(const std::vector<double> losses,
                 line.train(static_cast<std::uint32_t>(swarm.run.steps), data));
  if (!flags.losses.empty()) BRIGADE_TRY(write_losses(flags.losses, losses));
  const std::size_t tail = std::max<std::size_t>(losses.size() / 20, 1);
  nlohmann::ordered_json json{
      {"method", swarm.method.name},
      {"seed", swarm.run.seed},
      {"microbatches", losses.size()},
      {"train_loss",
       std::accumulate(losses.end() - static_cast<std::ptrdiff_t>(tail), losses.end(), 0.0) /
           static_cast<double>(tail)},
      {"weight_versions", line.weight_versions()}};
  for (std::size_t i = 0; i < line.size(); ++i) json["delays"].push_back(line.measured_delay(i));
  if (source->eval_batches() > 0) {
    BRIGADE_ASSIGN(json["val_loss"], validate(line, *source));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  json["seconds"] = took.count();
  std::puts(json.dump().c_str());
  return {};
}

}  // namespace
}  // namespace brigade::vectors

int main(int argc, char** argv) {
  brigade::vectors::Flags flags;
  CLI::App app("Trains a swarm.toml in one process, in the order of lock-step.", "brigade-line");
  app.add_option("SWARM", flags.swarm, "swarm.toml")->required();
  app.add_option("--losses", flags.losses, "CSV of each micro-batch's loss");
  app.add_option("--lateness", flags.lateness, "every delay, times the nominal one");
  app.add_option("--jitter", flags.jitter, "seed; delays vary between half and twice the nominal");
  CLI11_PARSE(app, argc, argv);
  const auto done = brigade::vectors::run(flags);
  if (done.has_value()) return 0;
  fmt::print(stderr, "brigade-line: {}\n", done.error().message);
  return 1;
}
