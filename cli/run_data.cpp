#include "cli/run_data.hpp"

#include <fmt/format.h>

#include "base/figures.hpp"
#include "stage_runtime/data/prepare.hpp"
#include "stage_runtime/data/token_file.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFortunes = "/usr/share/games/fortunes";

std::string describe(const std::string& what, const stage::TokenManifest& train,
                     const stage::TokenManifest& validation) {
  return fmt::format("{}: {} tokens to train on, {} to judge on ({} ids, {})", what,
                     in_millions(train.tokens), in_millions(validation.tokens),
                     with_commas(train.vocabulary), train.tokenizer);
}

Result<RunData> open_prepared(const fs::path& folder, const std::string& what) {
  RunData data;
  data.train = fs::absolute(folder / "train.bin").lexically_normal();
  data.validation = fs::absolute(folder / "val.bin").lexically_normal();
  BRIGADE_ASSIGN(const stage::TokenFile train, stage::TokenFile::open(data.train, false));
  BRIGADE_ASSIGN(const stage::TokenFile validation, stage::TokenFile::open(data.validation, false));
  data.description = describe(what, train.manifest(), validation.manifest());
  return data;
}

}  // namespace

Result<RunData> find_data(const std::string& source, const fs::path& out) {
  std::error_code error;
  if (source.empty() && !fs::is_directory(kFortunes, error)) {
    return make_error(ErrorCode::kNotFound,
                      fmt::format("no text to train on: {} is not there: give --data FILE or "
                                  "install the package fortunes",
                                  kFortunes));
  }
  const fs::path path = source.empty() ? fs::path(kFortunes) : fs::path(source);
  if (!fs::exists(path, error)) {
    return make_error(ErrorCode::kNotFound,
                      fmt::format("{}: no such file or folder: give --data a text file, a folder "
                                  "of text, or one that brigade data prepare has made",
                                  path.string()));
  }
  if (fs::exists(path / "train.bin", error)) return open_prepared(path, path.string());

  stage::PrepareOptions options;
  options.inputs = {path};
  options.out = out;
  BRIGADE_ASSIGN(stage::PrepareReport report, stage::prepare_data(options));
  const std::string what =
      fmt::format("{}, {} in {} file{}", source.empty() ? "Debian's fortunes" : source,
                  in_bytes(report.text_bytes), report.files, report.files == 1 ? "" : "s");
  BRIGADE_ASSIGN(RunData data, open_prepared(out, what));
  // The index files beside Debian's fortunes are no surprise to anybody.
  if (!source.empty()) data.notes = std::move(report.notes);
  return data;
}

Result<DataFigures> check_data(const fs::path& train_file, const fs::path& validation_file,
                               const config::SwarmConfig& swarm) {
  BRIGADE_ASSIGN(const stage::TokenFile train, stage::TokenFile::open(train_file));
  BRIGADE_ASSIGN(const stage::TokenFile validation, stage::TokenFile::open(validation_file));
  if (train.manifest().vocabulary != validation.manifest().vocabulary ||
      train.manifest().tokenizer != validation.manifest().tokenizer) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: has another vocabulary than {}: prepare both together",
                                  validation_file.string(), train_file.string()));
  }
  BRIGADE_TRY(train.check_length(1, swarm.run.context));
  BRIGADE_TRY(validation.check_length(swarm.run.batch, swarm.run.context));
  DataFigures figures;
  figures.vocabulary = train.manifest().vocabulary;
  figures.tokenizer = train.manifest().tokenizer;
  const stage::TokenManifest& judged = validation.manifest();
  if (judged.tokens > 0 && judged.text_bytes > 0) {
    figures.bytes_per_token =
        static_cast<double>(judged.text_bytes) / static_cast<double>(judged.tokens);
  }
  return figures;
}

}  // namespace brigade::cli
