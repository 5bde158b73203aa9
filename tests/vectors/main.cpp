// brigade-vectors DIR [CASE…]: runs the golden vectors of a folder against Brigade's own stages, in
// process. A line a case: CASE max_loss_error max_weight_error ok|FAIL.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <algorithm>

#include "tests/vectors/checks.hpp"

namespace brigade::vectors {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

constexpr const char* kUsage =
    "usage: brigade-vectors DIR [CASE...]\n"
    "Runs golden vectors (see DIR/README.md) against Brigade's stages, in process, and prints for\n"
    "each case: CASE max_loss_error max_weight_error ok|FAIL. Without CASE: all cases whose "
    "method\n"
    "is implemented; the others are named on stderr.\n"
    "Exit: 0 all within tolerance, 1 a case failed or is unknown, 2 wrong usage.\n";

std::string normalized(std::string name) {
  std::ranges::replace(name, '-', '_');
  return name;
}

Result<Outcome> run_case(const VectorFolder& folder, const std::string& name) {
  if (name.starts_with("opt_")) return check_optimizer(folder.path / (name + ".safetensors"));
  BRIGADE_ASSIGN(const VectorCase vector_case, read_case(folder, name));
  return check_trajectory(folder, vector_case);
}

/// Names of the folder's cases that were asked for; an error for one that is not there.
Result<std::vector<std::string>> choose(const std::vector<std::string>& known,
                                        const std::vector<std::string>& asked) {
  std::vector<std::string> chosen;
  for (const std::string& name : asked) {
    const auto it = std::ranges::find(known, normalized(name), normalized);
    if (it == known.end()) {
      return make_error(ErrorCode::kNotFound, fmt::format("there is no case \"{}\"", name));
    }
    chosen.push_back(*it);
  }
  return chosen;
}

struct Tally {
  int run = 0;
  int failed = 0;
};

void report(const std::string& name, const Result<Outcome>& outcome, bool may_skip, Tally& tally) {
  if (outcome.has_error()) {
    const bool is_skipped = may_skip && outcome.error().code == ErrorCode::kUnsupported;
    fmt::print(stderr, "{} {}: {}\n", is_skipped ? "skipped" : "failed", name,
               outcome.error().message);
    if (!is_skipped) ++tally.failed;
    return;
  }
  fmt::print("{} {:.3g} {:.3g} {}\n", name, outcome.value().loss_error,
             outcome.value().weight_error, outcome.value().is_ok ? "ok" : "FAIL");
  std::fflush(stdout);
  ++tally.run;
  if (!outcome.value().is_ok) ++tally.failed;
}

Result<Tally> run(const std::string& path, const std::vector<std::string>& asked) {
  BRIGADE_ASSIGN(const VectorFolder folder, open_folder(path));
  BRIGADE_ASSIGN(const std::vector<std::string> known, list_cases(path));
  BRIGADE_ASSIGN(const std::vector<std::string> named, choose(known, asked));
  const bool runs_all = asked.empty();
  Tally tally;
  for (const std::string& name : runs_all ? known : named) {
    report(name, run_case(folder, name), runs_all, tally);
  }
  return tally;
}

int main_with(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    fmt::print("{}", kUsage);
    return kDone;
  }
  const bool has_flag = std::ranges::any_of(
      arguments, [](const std::string& argument) { return argument.starts_with('-'); });
  if (arguments.empty() || has_flag) {
    fmt::print(stderr, "{}", kUsage);
    return kWrongUsage;
  }
  const auto tally = run(arguments[0], {arguments.begin() + 1, arguments.end()});
  if (tally.has_error()) {
    fmt::print(stderr, "brigade-vectors: {}\n", tally.error().message);
    return kFailed;
  }
  if (tally.value().run == 0) fmt::print(stderr, "brigade-vectors: no case ran\n");
  return tally.value().failed == 0 && tally.value().run > 0 ? kDone : kFailed;
}

}  // namespace
}  // namespace brigade::vectors

int main(int argc, char** argv) {
  return brigade::vectors::main_with({argv + 1, argv + argc});
}
