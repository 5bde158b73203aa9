// brigade-stage export: a checkpoint as a folder that transformers loads.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "stage_runtime/tools/command.hpp"

namespace brigade::stage {
namespace {

constexpr std::size_t kMaxTokenizerBytes = 256u * 1024 * 1024;

/// Copies a sentencepiece model beside the weights. The name for the note; empty if the tokeniser
/// is not known, which is no reason to keep the weights back.
Result<std::string> place_tokenizer(const RunModel& run, const std::filesystem::path& out) {
  const auto tokenizer = find_tokenizer(run, "");
  if (!tokenizer) {
    print_note(tokenizer.error().message + "; the export says nothing about it");
    return std::string();
  }
  const std::filesystem::path model = (*tokenizer)->name();
  if (model == "bytes") return model.string();
  BRIGADE_ASSIGN(const std::string bytes, read_file(model, kMaxTokenizerBytes));
  BRIGADE_TRY(write_file_atomically(out / model.filename(), bytes));
  return model.filename().string();
}

void print(const ExportFlags& flags, const RunModel& run, const std::string& tokenizer) {
  if (flags.prints_json) {
    nlohmann::ordered_json json{
        {"folder", flags.out}, {"tokenizer", tokenizer}, {"tied_head", run.files.model.tied_head}};
    if (run.files.checkpoint) json["microbatch"] = run.files.checkpoint->position;
    std::puts(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  fmt::print("exported to {}: model.safetensors, config.json, {}\n", flags.out, kExportNote);
  fmt::print("tokeniser   {}\n", tokenizer.empty() ? "not known" : tokenizer);
  fmt::print("LM head     {}\n", run.files.model.tied_head
                                     ? "tied to the embedding"
                                     : "weights of its own (tie_word_embeddings is false)");
}

Result<int> export_model(const ExportFlags& flags) {
  BRIGADE_ASSIGN(const RunModel run, find_model(flags));
  const std::filesystem::path out = flags.out;
  std::error_code error;
  if (std::filesystem::equivalent(out, run.folder, error)) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("--out {}: the model itself lies there: give another folder", flags.out));
  }
  BRIGADE_TRY(export_hugging_face(run.files, out));
  BRIGADE_ASSIGN(const std::string tokenizer, place_tokenizer(run, out));
  BRIGADE_TRY(write_file_atomically(out / kExportNote, export_note(tokenizer, run.files)));
  print(flags, run, tokenizer);
  return kDone;
}

}  // namespace

void add_export(CLI::App& app, Chosen& chosen) {
  const auto flags = std::make_shared<ExportFlags>();
  add_command(app, *flags)->callback([flags, &chosen] {
    chosen = [flags] { return export_model(*flags); };
  });
}

}  // namespace brigade::stage
