#include "stage_runtime/tools/command.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

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

Result<RunModel> find_model(const ModelFlags& flags) {
  BRIGADE_ASSIGN(RunModel run, find_run_model(flags.folder, flags.position));
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
