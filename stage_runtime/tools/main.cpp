// brigade-stage: what the CLI needs torch or sentencepiece for. `brigade eval`, `generate`,
// `export`, and `data prepare` with a sentencepiece model start it, so that `brigade` itself has
// neither.
#include <CLI/CLI.hpp>

#include "stage_runtime/tools/command.hpp"

using namespace brigade;

int main(int argc, char** argv) {
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
