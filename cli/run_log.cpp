#include "cli/run_log.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace brigade::cli {

namespace {

constexpr const char* kCsvHeading = "microbatch,tokens,seconds,loss,lr,val_loss\n";

Error cannot_write(const std::string& name, int error) {
  return make_error(ErrorCode::kIo,
                    fmt::format("{}: cannot write: {}", name, std::strerror(error)));
}

}  // namespace

Result<RunLog> RunLog::open(const Options& options) {
  RunLog log;
  log.prints_json_ = options.prints_json;
  const auto open_file = [](const std::filesystem::path& path) -> Result<Sink> {
    File file(std::fopen(path.c_str(), "ae"));
    if (!file) return cannot_write(path.string(), errno);
    return Sink{path.string(), std::move(file)};
  };
  for (const auto& path : options.event_files) {
    BRIGADE_ASSIGN(Sink sink, open_file(path));
    log.events_.push_back(std::move(sink));
  }
  BRIGADE_ASSIGN(log.csv_, open_file(options.loss_csv));
  std::fseek(log.csv_.file.get(), 0, SEEK_END);
  if (std::ftell(log.csv_.file.get()) == 0) log.write_csv_row(kCsvHeading);
  BRIGADE_TRY(log.flush());
  return log;
}

void RunLog::on_event(double t, const control::WatchEvent& event, const RunState& run) {
  if (event.has_step()) {
    const control::Step& step = event.step();
    write(step_json(t, step));
    write_csv_row(fmt::format("{},{},{:.3f},{:.6f},{:.6e},\n", step.position(), step.tokens(), t,
                              step.loss(), step.learning_rate()));
  } else if (event.has_eval()) {
    const control::Eval& eval = event.eval();
    const std::uint64_t tokens = run.tokens_at(eval.position());
    write(eval_json(t, eval, tokens));
    write_csv_row(fmt::format("{},{},{:.3f},,,{:.6f}\n", eval.position(), tokens, t, eval.loss()));
  } else if (event.has_peer()) {
    write(peer_json(t, event.peer()));
  }
}

void RunLog::write(const Json& object) {
  const std::string line = object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (const Sink& sink : events_) std::fputs(line.c_str(), sink.file.get());
  if (prints_json_) std::fputs(line.c_str(), stdout);
}

void RunLog::write_csv_row(const std::string& row) {
  std::fputs(row.c_str(), csv_.file.get());
}

Result<> RunLog::flush() {
  std::fflush(stdout);
  Result<> result;
  const auto flush_one = [&](const Sink& sink) {
    if (std::fflush(sink.file.get()) == 0 || has_failed_) return;
    has_failed_ = true;
    result = cannot_write(sink.name, errno);
  };
  for (const Sink& sink : events_) flush_one(sink);
  flush_one(csv_);
  return result;
}

}  // namespace brigade::cli
