// Trains one text on a line whose stages have replicas that average their weights, in one process
// and in virtual time (bench/replicated_line.hpp), and prints one JSON object. bench/replicas runs
// it for a table.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <numeric>

#include "bench/replicated_line.hpp"
#include "stage_runtime/data/token_file.hpp"

namespace brigade::bench {
namespace {

struct Flags {
  ReplicatedLineOptions line;
  std::string train, validation;
  std::string codec = "fp32";
  std::string tau = "measured";
  std::string paths = "own";
  std::uint64_t microbatches = 2400;
};

// Of the run, as in bench/convergence: warm-up, and T of the learning rate's correction.
constexpr double kWarmup = 0.06;
constexpr double kCorrection = 0.14;

MicrobatchId id_of(std::uint64_t sequence) {
  return {.epoch = Epoch(1), .head = HeadIndex(0), .sequence = Sequence(sequence)};
}

Result<double> validate(ReplicatedLine& line, const Flags& flags, const stage::TokenFile& file) {
  const std::uint64_t batches = file.eval_batches(flags.line.batch, flags.line.tokens);
  double sum = 0;
  for (std::uint64_t b = 0; b < batches; ++b) {
    BRIGADE_ASSIGN(const double loss,
                   line.evaluate(0, file.window(b, flags.line.batch, flags.line.tokens)));
    sum += loss;
  }
  return sum / static_cast<double>(batches);
}

Result<> run(Flags flags) {
  const auto start = std::chrono::steady_clock::now();
  BRIGADE_ASSIGN(const stage::TokenFile train, stage::TokenFile::open(flags.train));
  BRIGADE_ASSIGN(const stage::TokenFile validation, stage::TokenFile::open(flags.validation));
  flags.line.model.vocabulary = train.manifest().vocabulary;
  flags.line.model.context = flags.line.tokens;
  stage::MethodSettings& method = flags.line.method;
  method.tau_source =
      flags.tau == "measured" ? stage::TauSource::kMeasured : stage::TauSource::kNominal;
  method.total_updates = flags.microbatches / method.accumulate;
  const auto updates = static_cast<double>(method.total_updates);
  method.warmup_updates = static_cast<std::uint64_t>(kWarmup * updates);
  method.correction_updates = static_cast<std::uint64_t>(kCorrection * updates);
  flags.line.random_paths = flags.paths == "random";
  flags.line.codec = *stage::find_codec(flags.codec);
  BRIGADE_ASSIGN(ReplicatedLine line, ReplicatedLine::make(flags.line));
  const auto draw = [&](std::uint64_t m) {
    return train.draw(flags.line.seed, id_of(m), flags.line.batch, flags.line.tokens);
  };
  BRIGADE_ASSIGN(const std::vector<double> losses, line.train(flags.microbatches, draw));
  const auto tail = static_cast<std::ptrdiff_t>(std::max<std::size_t>(losses.size() / 20, 1));
  const double train_loss =
      std::accumulate(losses.end() - tail, losses.end(), 0.0) / static_cast<double>(tail);
  BRIGADE_ASSIGN(const double one, validate(line, flags, validation));
  double met = one;
  if (flags.line.replicas > 1) {
    BRIGADE_TRY(line.meet());
    BRIGADE_ASSIGN(met, validate(line, flags, validation));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print(
      "{{\"val_loss\": {:.5f}, \"val_loss_met\": {:.5f}, \"train_loss\": {:.5f}, \"distance\": "
      "{:.5f}, \"share_bytes_a_microbatch\": {:.0f}, \"delay_first\": {:.3f}, \"delay_last\": "
      "{:.3f}, \"busy\": {:.3f}, \"seconds\": {:.1f}}}\n",
      one, met, train_loss, line.distance(), line.share_bytes_a_microbatch(),
      line.measured_delay(0), line.measured_delay(line.stages() - 1),
      3.0 * static_cast<double>(flags.microbatches) / (line.virtual_time() * flags.line.replicas),
      took.count());
  return {};
}

void add_options(CLI::App& app, Flags& flags) {
  stage::MethodSettings& method = flags.line.method;
  app.add_option("--train", flags.train, "token file")->required();
  app.add_option("--validation", flags.validation, "token file")->required();
  app.add_option("--method", method.name);
  app.add_option("--learning-rate", method.learning_rate);
  app.add_option("--accumulate", method.accumulate, "micro-batches an update")
      ->check(CLI::Range(1, 64));
  app.add_option("--muon-refresh", method.muon_refresh);
  app.add_option("--look-ahead", method.look_ahead);
  app.add_option("--beta1", method.beta1);
  app.add_option("--tau", flags.tau)->check(CLI::IsMember({"measured", "nominal"}));
  app.add_option("--stages", flags.line.model.blocks, "of one block each")
      ->check(CLI::Range(1, 64));
  app.add_option("--width", flags.line.model.width);
  app.add_option("--heads", flags.line.model.heads);
  app.add_option("--context", flags.line.tokens);
  app.add_option("--batch", flags.line.batch);
  app.add_option("--microbatches", flags.microbatches, "of all heads together");
  app.add_option("--seed", flags.line.seed);
  app.add_option("--replicas", flags.line.replicas, "of each stage")
      ->check(CLI::IsMember({1, 2, 4, 8}));
  app.add_option("--window", flags.line.window, "in flight of each head; 0: as many as stages");
  app.add_option("--paths", flags.paths, "own: from each replica to the one of its index")
      ->check(CLI::IsMember({"own", "random"}));
  app.add_option("--average-every", flags.line.average_every, "own updates; 0: never");
  app.add_option("--average-share", method.average_share, "of the weights, a round");
  app.add_option("--lateness", flags.line.lateness, "own updates until a share is blended");
  app.add_option("--codec", flags.codec, "of shares")->check(CLI::IsMember({"fp32", "bf16"}));
}

}  // namespace
}  // namespace brigade::bench

int main(int argc, char** argv) {
  brigade::bench::Flags flags;
  flags.line.model = {.vocabulary = 0, .context = 32, .width = 48, .blocks = 8, .heads = 3};
  CLI::App app("Trains a line with replicas in one process, in virtual time.", "bench-replicas");
  brigade::bench::add_options(app, flags);
  CLI11_PARSE(app, argc, argv);
  const auto done = brigade::bench::run(flags);
  if (done.has_value()) return 0;
  fmt::print(stderr, "bench-replicas: {}\n", done.error().message);
  return 1;
}
