// What a run leaves on disk as it goes: events.jsonl (and --log FILE), loss.csv; --json's stdout.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/event_json.hpp"
#include "cli/run_state.hpp"

namespace brigade::cli {

class RunLog {
 public:
  struct Options {
    std::vector<std::filesystem::path> event_files;  // appended to
    std::filesystem::path loss_csv;                  // appended to; a heading where it is new
    bool prints_json = false;                        // the same objects on stdout
  };
  static Result<RunLog> open(const Options& options);

  /// Writes what the contract logs of one event that `run` has seen; `node` statuses are written by
  /// `write` on the caller's interval.
  void on_event(double t, const brigade::control::v1::WatchEvent& event, const RunState& run);
  void write(const Json& object);
  /// To the files; an error (a full disk) is reported once, and the run goes on.
  Result<> flush();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;
  struct Sink {
    std::string name;
    File file;
  };

  void write_csv_row(const std::string& row);

  std::vector<Sink> events_;
  Sink csv_;
  bool prints_json_ = false;
  bool has_failed_ = false;
};

}  // namespace brigade::cli
