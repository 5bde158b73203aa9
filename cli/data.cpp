// brigade data prepare: text into token files.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/event_json.hpp"
#include "cli/figures.hpp"
#include "cli/stage_flags.hpp"
#include "cli/stage_program.hpp"
#include "stage_runtime/data/prepare.hpp"

namespace brigade::cli {

namespace {

struct PrepareFlags {
  std::vector<std::string> inputs;
  std::string out;
  std::string tokenizer = "bytes";
  double validation = 0.1;
  bool prints_json = false;
};

Json report_json(const PrepareFlags& flags, const stage::PrepareReport& report) {
  Json json;
  json["out"] = flags.out;
  json["tokenizer"] = flags.tokenizer;
  json["vocabulary"] = report.vocabulary;
  json["files"] = report.files;
  json["skipped_files"] = report.skipped_files;
  json["text_bytes"] = report.text_bytes;
  json["train_tokens"] = report.train_tokens;
  json["validation_tokens"] = report.validation_tokens;
  json["notes"] = report.notes;
  return json;
}

// libsentencepiece can't live in a program with gRPC in it (stage_runtime/data/sentencepiece.hpp).
Exit prepare_elsewhere(const PrepareFlags& flags) {
  std::vector<std::string> arguments = flags.inputs;
  append_flag(arguments, "--out", flags.out);
  append_flag(arguments, "--tokenizer", flags.tokenizer);
  append_flag(arguments, "--validation", fmt::format("{}", flags.validation));
  if (flags.prints_json) arguments.emplace_back("--json");
  return become_stage_program("prepare", arguments);
}

Exit prepare(const PrepareFlags& flags) {
  if (flags.tokenizer != "bytes") return prepare_elsewhere(flags);
  stage::PrepareOptions options;
  options.inputs.assign(flags.inputs.begin(), flags.inputs.end());
  options.out = flags.out;
  options.tokenizer = flags.tokenizer;
  options.validation_share = flags.validation;
  const auto report = stage::prepare_data(options);
  if (!report) return fail(Exit::kFailed, report.error());
  if (flags.prints_json) {
    const Json json = report_json(flags, *report);
    std::puts(json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    return Exit::kDone;
  }
  for (const std::string& note : report->notes) std::puts(note.c_str());
  fmt::print("{}: {} of text in {} file{}, {} tokens to train on, {} to judge on, vocabulary {}\n",
             flags.out, in_bytes(report->text_bytes), report->files, report->files == 1 ? "" : "s",
             with_commas(report->train_tokens), with_commas(report->validation_tokens),
             with_commas(report->vocabulary));
  fmt::print("next: brigade local --data {}\n", flags.out);
  return Exit::kDone;
}

}  // namespace

void add_data(CLI::App& app, Chosen& chosen) {
  CLI::App* data = app.add_subcommand("data", "Make token files of text");
  data->require_subcommand(1);
  data->footer("Example:\n  brigade data prepare my-texts/ --out my-tokens");
  CLI::App* command = data->add_subcommand("prepare", "Text files and folders into token files");
  const auto flags = std::make_shared<PrepareFlags>();
  command->add_option("INPUT", flags->inputs, "text files or folders")->required();
  command->add_option("--out", flags->out, "folder for train.bin, val.bin and their manifests")
      ->required()
      ->type_name("DIR");
  command->add_option("--tokenizer", flags->tokenizer, "bytes, or a sentencepiece model")
      ->type_name("bytes|FILE.model")
      ->capture_default_str();
  command
      ->add_option("--validation", flags->validation,
                   "share of the text, its last part, that is judged on and never trained on")
      ->type_name("X")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  command->add_flag("--json", flags->prints_json, "the report as a JSON object");
  command->footer(
      "Examples:\n"
      "  brigade data prepare book.txt --out book-tokens\n"
      "  brigade data prepare my-texts/ --out my-tokens --tokenizer my.model --validation 0.05");
  command->callback([flags, &chosen] { chosen = [flags] { return prepare(*flags); }; });
}

}  // namespace brigade::cli
