// brigade-stage prepare: `brigade data prepare` with a sentencepiece model; --json prints the same.
#include "stage_runtime/data/prepare.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "stage_runtime/tools/command.hpp"

namespace brigade::stage {
namespace {

constexpr double kMaxValidationShare = 0.9;

struct PrepareFlags {
  std::vector<std::string> inputs;
  std::string out;
  std::string tokenizer = "bytes";
  double validation_share = 0.1;
  bool prints_json = false;
};

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
  fmt::print(
      "{}: {} bytes of text in {} file{}, {} tokens to train on, {} to judge on, vocabulary "
      "{}\n",
      flags.out, report.text_bytes, report.files, report.files == 1 ? "" : "s", report.train_tokens,
      report.validation_tokens, report.vocabulary);
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
  CLI::App* command = app.add_subcommand("prepare", "Text files and folders into token files");
  command->add_option("INPUT", flags->inputs, "text files or folders")->required();
  command->add_option("--out", flags->out, "folder for train.bin, val.bin and their manifests")
      ->required()
      ->type_name("DIR");
  command->add_option("--tokenizer", flags->tokenizer, "bytes, or a sentencepiece model")
      ->type_name("bytes|FILE.model")
      ->capture_default_str();
  command
      ->add_option("--validation", flags->validation_share,
                   "share of the text, its last part, that is judged on and never trained on")
      ->type_name("X")
      ->check(CLI::Range(0.0, kMaxValidationShare))
      ->capture_default_str();
  command->add_flag("--json", flags->prints_json, "the report as a JSON object");
  command->footer("Example: brigade data prepare texts/ --out tokens --tokenizer my.model");
  command->callback([flags, &chosen] { chosen = [flags] { return prepare(*flags); }; });
}

}  // namespace brigade::stage
