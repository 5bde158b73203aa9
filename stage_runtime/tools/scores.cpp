// brigade-stage scores: what a model says of the next token, for comparisons with other programs.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "stage_runtime/tools/command.hpp"

namespace brigade::stage {
namespace {

struct ScoresFlags : ModelFlags, DeviceFlags {
  std::vector<std::uint32_t> ids;
};

Result<int> scores(const ScoresFlags& flags) {
  BRIGADE_ASSIGN(const RunModel run, find_model(flags));
  for (const std::uint32_t id : flags.ids) {
    if (id < run.files.model.vocabulary) continue;
    return make_error(ErrorCode::kBadInput, fmt::format("--ids: {} is past the vocabulary of {}",
                                                        id, run.files.model.vocabulary));
  }
  BRIGADE_ASSIGN(const auto model, LanguageModel::load(run.files, flags.device, flags.threads));
  const std::vector<std::int32_t> ids(flags.ids.begin(), flags.ids.end());
  BRIGADE_ASSIGN(const std::vector<float> logits, model->logits(ids));
  if (flags.prints_json) {
    std::puts(nlohmann::json{{"logits", logits}}.dump().c_str());
  } else {
    for (std::size_t id = 0; id < logits.size(); ++id) fmt::print("{} {}\n", id, logits[id]);
  }
  return kDone;
}

}  // namespace

void add_scores(CLI::App& app, Chosen& chosen) {
  const auto flags = std::make_shared<ScoresFlags>();
  CLI::App* command = app.add_subcommand("scores", "Show a checkpoint's logits of the next token");
  add_model_flags(*command, *flags);
  command->add_option("--ids", flags->ids, "token ids that come before, with commas")
      ->required()
      ->delimiter(',')
      ->type_name("A,B,…");
  add_device_flags(*command, *flags);
  command->callback([flags, &chosen] { chosen = [flags] { return scores(*flags); }; });
}

}  // namespace brigade::stage
