// brigade-stage: what the CLI needs torch or sentencepiece for. `brigade eval`, `generate`,
// `export`, and `data prepare` with a sentencepiece model start it, so that `brigade` itself has
// neither.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "stage_runtime/tools/command.hpp"

using namespace brigade;

namespace {

/// OpenMP's threads spin while they wait, which ruins a machine whose cores are busy (minutes for
/// what takes seconds). libgomp reads the setting when it is loaded: before main, so start again.
void wait_passively(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  ::setenv("GOMP_SPINCOUNT", "0", 1);
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  ::execv("/proc/self/exe", argv);  // where it fails, all still works, more slowly
}

}  // namespace

int main(int argc, char** argv) {
  wait_passively(argv);
  CLI::App app("Judges, uses and exports the models of Brigade's runs, and prepares their data.",
               "brigade-stage");
  stage::Chosen chosen;
  app.require_subcommand(1);
  stage::add_eval(app, chosen);
  stage::add_generate(app, chosen);
  stage::add_export(app, chosen);
  stage::add_prepare(app, chosen);
  stage::add_scores(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    stage::print_error(error.what());
    return stage::kWrongUsage;
  }
  stage::install_interrupts();
  const auto code = chosen();
  if (code) return *code;
  stage::print_error(code.error().message);
  return stage::kFailed;
}
