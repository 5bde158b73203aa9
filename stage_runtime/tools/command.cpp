#include "stage_runtime/tools/command.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "base/limits.hpp"

namespace brigade::stage {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void on_signal(int) {
  interrupted = 1;
}

void print_line(const char* prefix, std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fflush(stdout);  // what was said before stands before it
  std::fprintf(stderr, "%s%s\n", prefix, message.c_str());
}

}  // namespace

void ModelFlags::add_to(CLI::App& command) {
  command.add_option("DIR", folder, "folder of a run (--out), or of *.safetensors files")
      ->required();
  command
      .add_option("--checkpoint", position,
                  "micro-batch that the checkpoint stands at (default: the newest sound one)")
      ->type_name("N");
  command.add_flag("--json", prints_json, "one JSON object");
}

void ModelFlags::add_device_to(CLI::App& command) {
  command.add_option("--device", device, "where to compute (default: auto)")
      ->type_name("auto|cpu|cuda:N");
  command.add_option("--threads", threads, "compute threads (default: all cores)")
      ->type_name("N")
      ->check(CLI::Range(std::uint32_t{1}, limits::kMaxThreads));
}

Result<RunModel> ModelFlags::find() const {
  BRIGADE_ASSIGN(RunModel run, find_run_model(folder, position));
  for (const std::string& note : run.notes) print_note(note);
  return run;
}

void print_error(const std::string& message) {
  print_line("brigade: ", message);
}

void print_note(const std::string& message) {
  print_line("brigade: note: ", message);
}

void install_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool is_interrupted() {
  return interrupted != 0;
}

}  // namespace brigade::stage
