// brigade swarm create: a new owner, and its signed word on what the swarm trains.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "cli/commands.hpp"
#include "cli/run_cost.hpp"
#include "cli/swarm_folder.hpp"
#include "cli/wall_clock.hpp"
#include "config/swarm_config.hpp"
#include "stage_runtime/data/token_file.hpp"
#include "trust/digest.hpp"
#include "trust/token_files.hpp"

namespace brigade::cli {

namespace {

struct SwarmCreateFlags {
  std::string file;
  std::string out;
};

// Every setting written out, the split too: a node whose defaults are others must not read another
// swarm from it. Data paths stay as the user wrote them.
Result<config::SwarmConfig> read_settled(const std::string& file) {
  BRIGADE_ASSIGN(const std::string text, read_file(file, limits::kMaxConfigBytes));
  BRIGADE_ASSIGN(config::SwarmConfig swarm, config::parse_swarm_config(text, file));
  BRIGADE_TRY(config::check_for_members(swarm));
  BRIGADE_ASSIGN(const auto split, plan_split(swarm));
  swarm.split.clear();
  for (const swarm::StageRange& range : split) swarm.split.push_back(range.blocks);
  return swarm;
}

void warn_of_own_paths(const config::SwarmConfig& swarm) {
  for (const std::string& path : {swarm.data.train, swarm.data.validation}) {
    if (!std::filesystem::path(path).is_absolute()) continue;
    fmt::print(stderr,
               "note: everybody who joins reads this path of your machine: {}; a relative one says "
               "less\n",
               path);
  }
}

/// The files that the swarm is to read, by their checksums, so that every node can be a head: who
/// lacks them copies them. Everybody has them under the same names. None if one is not here;
/// kCorrupt, kBadInput if it is not sound.
Result<OwnedData> read_data(config::SwarmConfig& swarm, const std::filesystem::path& folder) {
  OwnedData found;
  config::DataConfig names;
  for (const auto& [path, name, place] :
       {std::tuple(&swarm.data.train, &names.train, trust::kTokenFiles[0]),
        std::tuple(&swarm.data.validation, &names.validation, trust::kTokenFiles[1])}) {
    if (path->empty()) continue;
    const std::filesystem::path file = std::filesystem::absolute(folder / *path);
    const auto digest = trust::sha256_of(file);
    if (digest.has_error() && digest.error().code == ErrorCode::kNotFound) return OwnedData();
    BRIGADE_TRY(digest);
    BRIGADE_ASSIGN(const stage::TokenFile tokens, stage::TokenFile::open(file));
    found.described.push_back({stage::to_json(tokens.manifest()), *digest});
    found.files.push_back(file);
    *name = place;
  }
  swarm.data = names;
  return found;
}

Exit create(const SwarmCreateFlags& flags) {
  auto swarm = read_settled(flags.file);
  if (!swarm) return fail(Exit::kFailed, swarm.error());
  const auto data = read_data(*swarm, std::filesystem::path(flags.file).parent_path());
  if (!data) return fail(Exit::kFailed, data.error());
  const std::string out = flags.out.empty() ? swarm->name : flags.out;
  const auto made = create_swarm(out, config::to_toml(*swarm), now_unix_s(), *data);
  if (!made) return fail(Exit::kFailed, made.error());
  if (data->described.empty()) {
    std::fputs(
        "note: the data are not here, so nobody can be sent a copy: only machines that have them "
        "can host the first stage\n",
        stderr);
    warn_of_own_paths(*swarm);
  }
  fmt::print(
      "swarm   {}\n"
      "id      {}\n"
      "folder  {}\n"
      "          owner.pem     the owner's key: keep a copy where nobody else can read it, since\n"
      "                        without it nobody can be invited any more\n"
      "          swarm.signed  the description, for everybody\n"
      "next    brigade join {} --announce HOST:PORT   this machine, where others can reach it\n"
      "        brigade invite --swarm {} --uses any   everybody else\n",
      swarm->name, trust::to_hex(trust::id_of(made->origin)), out, out, out);
  return Exit::kDone;
}

}  // namespace

void add_swarm_create(CLI::App& swarm, Chosen& chosen) {
  CLI::App* command = swarm.add_subcommand("create", "Make a swarm that others can be invited to");
  const auto flags = std::make_shared<SwarmCreateFlags>();
  command->add_option("FILE", flags->file, "swarm.toml: what is trained and how")->required();
  command
      ->add_option("--out", flags->out,
                   "new folder for the owner's key and the signed description (default: the "
                   "swarm's name)")
      ->type_name("DIR");
  command->footer(
      "Makes the owner's key and signs with it what the swarm trains: FILE with every\n"
      "setting written out. The swarm's id is the hash of that key and a random number.\n"
      "Nothing is overwritten.\n\n"
      "Example:\n"
      "  brigade swarm create swarm.toml --out my-swarm\n"
      "  brigade join my-swarm --announce 203.0.113.7:7070\n"
      "  brigade invite --swarm my-swarm --uses 20");
  command->callback([flags, &chosen] { chosen = [flags] { return create(*flags); }; });
}

}  // namespace brigade::cli
