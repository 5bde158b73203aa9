// brigade swarm show: what a swarm's owner has signed.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

#include "base/figures.hpp"
#include "cli/commands.hpp"
#include "cli/event_json.hpp"
#include "cli/revoked_terms.hpp"
#include "cli/run_cost.hpp"
#include "cli/swarm_folder.hpp"
#include "config/swarm_config.hpp"

namespace brigade::cli {

namespace {

struct SwarmShowFlags {
  std::string path = ".";
  bool prints_json = false;
};

Json to_json(const trust::SwarmDescription& description, const config::SwarmConfig& swarm) {
  Json json;
  json["swarm"] = swarm.name;
  json["swarm_id"] = trust::to_hex(trust::id_of(description.origin));
  json["owner_key"] = trust::to_hex(description.origin.owner);
  json["revision"] = description.revision;
  json["created_unix_s"] = description.created_unix_s;
  json["parameters"] = count_parameters(swarm);
  json["stages"] = swarm.stages;
  json["split"] = swarm.split;
  json["method"] = swarm.method.name;
  json["learning_rate"] = config::learning_rate_of(swarm);
  json["steps"] = swarm.run.steps;
  json["batch"] = swarm.run.batch;
  json["context"] = swarm.run.context;
  json["codec"] = swarm.run.codec;
  json["data_sha256"] = Json::array();
  for (const trust::TokenData& one : description.data)
    json["data_sha256"].push_back(brigade::to_hex(NodeId{one.sha256}));
  json["swarm_toml"] = description.swarm_toml;
  return json;
}

void print(const trust::SwarmDescription& description, const config::SwarmConfig& swarm) {
  const config::ModelConfig& model = swarm.model;
  const std::string length =
      swarm.run.steps == 0 ? "without end" : with_commas(swarm.run.steps) + " micro-batches";
  fmt::print("swarm     {}\n", swarm.name);
  fmt::print("id        {}\n", trust::to_hex(trust::id_of(description.origin)));
  fmt::print("revision  {}, created {}\n", description.revision,
             as_utc(description.created_unix_s));
  fmt::print(
      "model     {} parameters: {} blocks of width {}, {} heads, context {}, vocabulary {}\n",
      in_millions(count_parameters(swarm)), model.blocks, model.width, model.heads, model.context,
      with_commas(model.vocabulary));
  fmt::print("stages    {}, with {} blocks\n", swarm.stages, fmt::join(swarm.split, ", "));
  fmt::print("method    {}, learning rate {}\n", swarm.method.name,
             config::learning_rate_of(swarm));
  fmt::print("run       {}, each {} sequences of {} tokens, on the wire as {}\n", length,
             swarm.run.batch, swarm.run.context, swarm.run.codec);
  fmt::print("data      {}\n", description.data.empty()
                                   ? "brought by whoever hosts the first stage"
                                   : "known by checksum: who hosts the first stage copies it");
}

Exit show(const SwarmShowFlags& flags) {
  const auto description = load_description(flags.path);
  if (!description) return fail(Exit::kFailed, description.error());
  const auto swarm = config_of(*description, flags.path);
  if (!swarm) return fail(Exit::kFailed, swarm.error());
  const auto revoked = load_owned_revocations(flags.path, description->origin);
  if (!revoked) return fail(Exit::kFailed, revoked.error());
  if (flags.prints_json) {
    Json json = to_json(*description, *swarm);
    json["revoked"] = Json::array();
    for (const auto& [subject, entry] : revoked->all())
      json["revoked"].push_back(cli::to_json(entry.revocation));
    std::puts(json.dump().c_str());
  } else {
    print(*description, *swarm);
    for (const auto& [subject, entry] : revoked->all())
      fmt::print("revoked   {}\n", describe_revoked(entry.revocation));
  }
  return Exit::kDone;
}

}  // namespace

void add_swarm_show(CLI::App& swarm, Chosen& chosen) {
  CLI::App* command =
      swarm.add_subcommand("show", "Check and show what a swarm's owner has signed");
  const auto flags = std::make_shared<SwarmShowFlags>();
  command->add_option("PATH", flags->path,
                      "folder that brigade swarm create made, or a file like its swarm.signed "
                      "(default: this folder)");
  command->add_flag("--json", flags->prints_json, "one JSON object, the whole swarm.toml in it");
  command->footer(
      "Exit code 1 if the signature is not the owner's. That the owner is the one you\n"
      "mean, only the id can tell: compare it with one that you were given elsewhere.\n\n"
      "Examples:\n"
      "  brigade swarm show my-swarm\n"
      "  brigade swarm show swarm.signed --json");
  command->callback([flags, &chosen] { chosen = [flags] { return show(*flags); }; });
}

}  // namespace brigade::cli
