// brigade-stage prepare: text into token files, `brigade data prepare`.
#include "stage_runtime/data/prepare.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/figures.hpp"
#include "stage_runtime/tools/command.hpp"

namespace brigade::stage {
namespace {

void print(const PrepareFlags& flags, const PrepareReport& report) {
  if (flags.prints_json) {
    const nlohmann::ordered_json json{{"out", flags.out},
                                      {"tokenizer", flags.tokenizer},
                                      {"vocabulary", report.vocabulary},
                                      {"files", report.files},
                                      {"skipped_files", report.skipped_files},
                                      {"text_bytes", report.text_bytes},
                                      {"train_tokens", report.train_tokens},
                                      {"validation_tokens", report.validation_tokens},
                                      {"notes", report.notes}};
    std::puts(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  for (const std::string& note : report.notes) std::puts(note.c_str());
  fmt::print("{}: {} of text in {} file{}, {} tokens to train on, {} to judge on, vocabulary {}\n",
             flags.out, in_bytes(report.text_bytes), report.files, report.files == 1 ? "" : "s",
             with_commas(report.train_tokens), with_commas(report.validation_tokens),
             with_commas(report.vocabulary));
  fmt::print("next: brigade local --data {}\n", flags.out);
}

Result<int> prepare(const PrepareFlags& flags) {
  const PrepareOptions options{.inputs = {flags.inputs.begin(), flags.inputs.end()},
                               .out = flags.out,
                               .tokenizer = flags.tokenizer,
                               .validation_share = flags.validation_share};
  BRIGADE_ASSIGN(const PrepareReport report, prepare_data(options));
  print(flags, report);
  return kDone;
}

}  // namespace

void add_prepare(CLI::App& app, Chosen& chosen) {
  const auto flags = std::make_shared<PrepareFlags>();
  add_command(app, *flags)->callback([flags, &chosen] {
    chosen = [flags] { return prepare(*flags); };
  });
}

}  // namespace brigade::stage
