// brigade local: a whole swarm on this machine, from text to a sample.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <thread>

#include "base/figures.hpp"
#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/daemons.hpp"
#include "cli/display.hpp"
#include "cli/interrupts.hpp"
#include "cli/local_flags.hpp"
#include "cli/local_run.hpp"
#include "cli/run_cost.hpp"
#include "cli/run_data.hpp"
#include "cli/run_folder.hpp"
#include "cli/run_log.hpp"
#include "cli/summary.hpp"
#include "cli/version.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr int kStartAttempts = 3;  // ports that were free may be taken when a daemon gets there

// One `brigade local`, from flags to exit code.
class LocalCommand {
 public:
  explicit LocalCommand(const LocalFlags& flags) : flags_(flags) {}
  Exit run();

 private:
  // Each returns nothing, or how the command ends.
  std::optional<Exit> settle();
  std::optional<Exit> settle_new();
  std::optional<Exit> settle_resumed();
  std::optional<Exit> settle_data();
  std::optional<Exit> settle_split();

  Exit train();
  Exit conclude(const Ending& ending, const RunState& state, RunLog& log, double seconds);
  void say(const std::string& line) const;
  std::string out() const;  // as the user named it

  const LocalFlags& flags_;
  const LocalRun::Clock::time_point start_ = LocalRun::Clock::now();
  config::SwarmConfig swarm_;
  std::optional<RunFolder> folder_;
  DataFigures data_;
};

void LocalCommand::say(const std::string& line) const {
  if (flags_.prints_json) return;
  std::puts(line.c_str());
  std::fflush(stdout);
}

std::string LocalCommand::out() const {
  if (!flags_.resume.empty()) return flags_.resume;
  return flags_.out.empty() ? kDefaultOut : flags_.out;
}

std::optional<Exit> LocalCommand::settle_new() {
  if (const auto wrong = settle_new_run(flags_, swarm_)) {
    return fail(wrong->is_file_error ? Exit::kFailed : Exit::kUsage, wrong->error);
  }
  // Before anything is written or deleted: what flags alone can get wrong.
  if (auto checked = config::check(swarm_); !checked) return fail(Exit::kUsage, checked.error());
  auto folder = RunFolder::create(out(), flags_.replaces);
  if (!folder) return fail(Exit::kFailed, folder.error());
  folder_ = std::move(*folder);
  if (flags_.data.empty() && !swarm_.data.train.empty()) return std::nullopt;

  auto data = find_data(flags_.data, folder_->data());
  if (!data) return fail(Exit::kFailed, data.error());
  swarm_.data.train = data->train.string();
  swarm_.data.validation = data->validation.string();
  constexpr std::size_t kShownNotes = 5;
  for (std::size_t i = 0; i < std::min(data->notes.size(), kShownNotes); ++i) say(data->notes[i]);
  if (data->notes.size() > kShownNotes) {
    say(fmt::format("… and {} more files left out", data->notes.size() - kShownNotes));
  }
  say("data   " + data->description);
  return std::nullopt;
}

std::optional<Exit> LocalCommand::settle_resumed() {
  auto folder = RunFolder::reopen(flags_.resume);
  if (!folder) return fail(Exit::kFailed, folder.error());
  folder_ = std::move(*folder);
  auto swarm = config::load_swarm_config(folder_->swarm_file());
  if (!swarm) return fail(Exit::kFailed, swarm.error());
  swarm_ = std::move(*swarm);
  if (auto settled = settle_resumed_run(flags_, swarm_); !settled) {
    return fail(Exit::kUsage, settled.error());
  }
  if (auto checked = config::check(swarm_); !checked) return fail(Exit::kUsage, checked.error());
  return std::nullopt;
}

std::optional<Exit> LocalCommand::settle_data() {
  auto data = check_data(swarm_.data.train, swarm_.data.validation, swarm_);
  if (!data) return fail(Exit::kFailed, data.error());
  data_ = std::move(*data);
  const bool has_model = !flags_.model.empty() || !flags_.swarm.empty();
  if (flags_.resume.empty() && !has_model) swarm_.model.vocabulary = data_.vocabulary;
  if (swarm_.model.vocabulary < data_.vocabulary) {
    return fail(Exit::kFailed,
                fmt::format("{}: has ids up to {}, the model's vocabulary is {}: raise "
                            "model.vocabulary",
                            swarm_.data.train, data_.vocabulary - 1, swarm_.model.vocabulary));
  }
  return std::nullopt;
}

std::optional<Exit> LocalCommand::settle_split() {
  const auto split = plan_split(swarm_);
  if (!split) return fail(Exit::kUsage, split.error());
  swarm_.split.clear();
  for (const swarm::StageRange& range : *split) swarm_.split.push_back(range.blocks);
  if (auto checked = config::check(swarm_); !checked) return fail(Exit::kUsage, checked.error());

  const bool has_gpu = fs::exists("/dev/nvidiactl");
  const std::string device = flags_.device == "auto" && !has_gpu ? "cpu" : flags_.device;
  const RunNeeds needs =
      estimate_needs(swarm_, *split, device, std::max(1u, std::thread::hardware_concurrency()));
  say("needs  " + describe_needs(needs, *split));
  if (flags_.link_delay_ms > 0) {
    say(
        fmt::format("links  {} ms of round trip, imitated by a delay line in each daemon: distance "
                    "alone, no bandwidth or loss",
                    flags_.link_delay_ms));
  }
  if (!flags_.resume.empty()) return std::nullopt;  // its checkpoints are on the disk already
  std::error_code error;
  const auto space = fs::space(folder_->root(), error);
  if (!error && space.available < needs.disk_bytes) {
    return fail(Exit::kFailed,
                fmt::format("{}: {} of disk are free, the run's checkpoints need {}: make room, or "
                            "give an --out elsewhere",
                            out(), in_bytes(space.available), in_bytes(needs.disk_bytes)));
  }
  return std::nullopt;
}

std::optional<Exit> LocalCommand::settle() {
  if (auto checked = check_flags(flags_); !checked) return fail(Exit::kUsage, checked.error());
  if (auto ended = flags_.resume.empty() ? settle_new() : settle_resumed()) return ended;
  if (auto ended = settle_data()) return ended;
  if (auto ended = settle_split()) return ended;

  config::SwarmConfig written = swarm_;
  const auto shorten = [&](std::string& file) {  // so that the folder can be moved
    const fs::path inside = fs::path(file).lexically_relative(folder_->root());
    if (!inside.empty() && *inside.begin() != "..") file = inside.string();
  };
  shorten(written.data.train);
  shorten(written.data.validation);
  const std::string text = fmt::format(
      "# The effective configuration of this run, written by brigade {}.\n"
      "# Seeds: run.seed {} names weights and data; nothing else is random.\n{}",
      kVersion, swarm_.run.seed, config::to_toml(written));
  if (auto done = write_file_atomically(folder_->swarm_file(), text); !done) {
    return fail(Exit::kFailed, done.error());
  }
  return std::nullopt;
}

Exit LocalCommand::train() {
  RunLog::Options options{.event_files = {folder_->events()},
                          .loss_csv = folder_->loss_csv(),
                          .prints_json = flags_.prints_json};
  if (!flags_.log.empty()) options.event_files.emplace_back(flags_.log);
  auto log = RunLog::open(options);
  if (!log) return fail(Exit::kFailed, log.error());

  const std::uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  const DaemonOptions daemon_options{
      .stages = swarm_.stages,
      .device = flags_.device,
      .threads = flags_.threads.value_or(std::max(1u, cores / swarm_.stages)),
      .link_delay_ms = flags_.link_delay_ms,
      .resumes = !flags_.resume.empty()};
  catch_interrupts();
  for (int attempt = 1;; ++attempt) {
    RunState state({.stages = swarm_.stages,
                    .method = swarm_.method.name,
                    .parameters = count_parameters(swarm_),
                    .seed = swarm_.run.seed,
                    .steps = swarm_.run.steps,
                    .microbatch_tokens = std::uint64_t{swarm_.run.batch} * swarm_.run.context});
    auto daemons = Daemons::start(*folder_, daemon_options);
    if (!daemons) return fail(Exit::kFailed, daemons.error());
    auto display = make_display(flags_.prints_json ? DisplayKind::kSilent : DisplayKind::kAuto);
    LocalRun run(*folder_, state, *log, *display, start_);
    const Ending ending = run.run(*daemons);
    display.reset();  // the terminal is itself again
    const bool may_retry = ending.death && is_port_clash(*ending.death);
    if (!may_retry || attempt == kStartAttempts) {
      return conclude(ending, state, *log, run.seconds());
    }
  }
}

Exit LocalCommand::conclude(const Ending& ending, const RunState& state, RunLog& log,
                            double seconds) {
  const RunTotals totals = totals_of(state, seconds);
  log.write(done_json(seconds, totals));
  // A log that can't be written was said when it happened; how the run ended matters more.
  (void)log.flush();
  const std::string way_on =
      fmt::format("{}: go on with brigade local --resume {}",
                  ending.is_saved ? "state saved" : "the last checkpoint counts", out());
  switch (ending.kind) {
    case Ending::Kind::kInterrupted:
      say(fmt::format("interrupted at micro-batch {}, {}", totals.microbatches, way_on));
      return Exit::kInterrupted;
    case Ending::Kind::kDied:
    case Ending::Kind::kBlocked:
      return fail(Exit::kFailed,
                  fmt::format("{}; the other stages were stopped, {}", ending.reason, way_on));
    case Ending::Kind::kFinished:
      break;
  }
  say("");
  for (const auto& line : describe_result(totals, data_, yardstick(swarm_, data_))) say(line);
  if (!flags_.prints_json) {
    if (const auto sample = make_sample(out(), swarm_)) {
      for (const std::string& line : describe_sample(*sample)) say(line);
    } else {
      (void)fail(Exit::kFailed, "no sample: " + sample.error().message);
    }
    for (const std::string& line : describe_next(out(), swarm_)) say(line);
  }
  return Exit::kDone;
}

Exit LocalCommand::run() {
  if (auto ended = settle()) return *ended;
  return train();
}

}  // namespace

void add_local(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("local", "Train on this machine: one daemon a stage");
  const auto flags = std::make_shared<LocalFlags>();
  add_local_flags(*command, flags);
  command->footer(
      "Examples:\n"
      "  brigade local                                 four stages, Debian's fortunes, minutes\n"
      "  brigade local --preset tiny --stages 2 --data my-texts/\n"
      "  brigade local --stages 4 --method gpipe --accumulate 8 --steps 500 --out gpipe-run\n"
      "  brigade local --resume brigade-out --steps 8000\n\n"
      "Ctrl-C once drains and saves, twice stops at once. Exit codes: 0 done, 1 failed, 2 wrong\n"
      "usage, 130 interrupted with the state saved.");
  command->callback([flags, &chosen] { chosen = [flags] { return LocalCommand(*flags).run(); }; });
}

}  // namespace brigade::cli
