#include "daemon/members/entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "daemon/discovery/lookout.hpp"
#include "daemon/grpc_ask.hpp"
#include "daemon/members/book.hpp"
#include "daemon/members/copies.hpp"
#include "daemon/members/door.hpp"
#include "daemon/members/keeper.hpp"
#include "trust/member.hpp"
#include "trust/token_files.hpp"

namespace brigade::daemon {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kAnswerLimit{8'000};
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{15'000};
constexpr milliseconds kRound{6'000};  // of knocking, before others are looked for
constexpr milliseconds kLookLimit{10'000};
constexpr std::size_t kMostDoors = 512;
constexpr std::size_t kStageDigits = 16;
constexpr std::size_t kPatientDoors = 3;

struct Papers {
  trust::Invite invite;
  std::string statement;
};

Result<Papers> read_papers(const fs::path& file) {
  BRIGADE_ASSIGN(const std::string line, read_file(file, limits::kMaxInviteBytes));
  const auto invite = trust::read_invite(line);
  const auto statement = trust::statement_of(line);
  if (invite.has_error() || statement.has_error()) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: {}", file.string(), invite.error().message));
  }
  return Papers{*invite, *statement};
}

/// None: not here yet.
Result<std::optional<std::string>> read_description_file(const fs::path& file) {
  const auto bytes = read_file(file, limits::kMaxDescriptionBytes);
  if (bytes.has_value()) return std::optional(*bytes);
  if (bytes.error().code == ErrorCode::kNotFound) return std::optional<std::string>();
  return bytes.error();
}

/// What the description trains. Data that it knows by checksum have their place in the state
/// folder; else relative paths lead there.
Result<config::SwarmConfig> settings_of(const trust::SwarmDescription& description,
                                        const config::NodeConfig& node) {
  BRIGADE_ASSIGN(config::SwarmConfig swarm,
                 config::parse_swarm_config(description.swarm_toml, node.swarm.string()));
  if (!description.data.empty()) {
    const auto place = [&](std::size_t i) {
      return i < description.data.size() ? (node.state_dir / trust::kTokenFiles[i]).string()
                                         : std::string();
    };
    swarm.data.train = place(0);
    swarm.data.validation = place(1);
    return swarm;
  }
  for (std::string* path : {&swarm.data.train, &swarm.data.validation})
    if (!path->empty()) *path = (node.state_dir / *path).lexically_normal().string();
  return swarm;
}

/// Checked, and of the swarm that the invite is to.
Result<trust::SwarmDescription> check_description(const std::string& bytes, const Papers& papers) {
  BRIGADE_ASSIGN(trust::SwarmDescription description, trust::read_description(bytes));
  if (!(description.origin == papers.invite.origin))
    return make_error(ErrorCode::kCorrupt, "it describes another swarm than the invite's");
  return description;
}

/// What of it is sound; the rest is told again by others.
trust::Revocations read_revocations(const config::NodeConfig& node,
                                    const trust::SwarmOrigin& origin, const TellEntry& tell) {
  auto known = trust::load_revocations(revocations_file(node), origin);
  if (known.has_value()) return std::move(*known);
  tell(known.error().message + ": it is written anew");
  return trust::Revocations(origin);
}

/// Where somebody may be: what the invite names, then the book, each address once.
std::vector<trust::Contact> doors(const Papers& papers, const std::vector<std::string>& book,
                                  const trust::Revocations& revocations, const NodeId& self) {
  std::vector<trust::Contact> found;
  const auto add = [&](const trust::Contact& contact) {
    const bool is_new = std::find(found.begin(), found.end(), contact) == found.end();
    const bool is_out = contact.node == self || revocations.of(contact.node) != nullptr;
    if (is_new && !is_out) found.push_back(contact);
  };
  for (const trust::Contact& contact : papers.invite.contacts) add(contact);
  for (const std::string& bytes : book) {
    const auto record = trust::read_record(bytes, trust::id_of(papers.invite.origin));
    if (record.has_error() || !record->can_be_dialled) continue;
    for (const std::string& address : record->addresses)
      add({trust::node_id_of(record->key), address});
  }
  return found;
}

/// The owner has put this node out by this.
bool concerns(const std::string& revocation, const Papers& papers, const Identity& identity) {
  const auto read = trust::read_revocation(revocation, papers.invite.origin);
  return read.has_value() && (read->subject == trust::Revoked(identity.id) ||
                              read->subject == trust::Revoked(papers.invite.id));
}

/// Knocks at each door once, or until kRound has passed: the next round begins with the others.
/// None: nobody opened; why they did not is told. Who opens may show that this node is put out.
Result<std::optional<Entered>> knock_once(std::vector<trust::Contact>& doors, const Papers& papers,
                                          const Identity& identity,
                                          const std::optional<std::uint32_t>& stage,
                                          const TellEntry& tell) {
  std::string refusal;
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t knocked = 0; knocked < doors.size(); ++knocked) {
    if (std::chrono::steady_clock::now() - began > kRound) {
      std::rotate(doors.begin(), doors.begin() + static_cast<std::ptrdiff_t>(knocked), doors.end());
      break;
    }
    const trust::Contact& door = doors[knocked];
    const auto answer = ask(door.address, identity, door.node, Asks::kEnter,
                            enter_question(papers.statement, stage), kAnswerLimit);
    if (answer.has_value()) {
      auto entered = read_entered(*answer);
      if (entered.has_value() && concerns(entered->revocation, papers, identity))
        return std::optional(std::move(*entered));
      if (entered.has_value()) entered->revocation.clear();  // another's is no news here
      const auto sound = entered.has_value() ? check_description(entered->description, papers)
                                             : Result<trust::SwarmDescription>(entered.error());
      if (sound.has_value()) return std::optional(std::move(*entered));
      tell(fmt::format("{}: {}", door.address, sound.error().message));
      continue;
    }
    if (answer.error().code == ErrorCode::kBadInput)
      refusal = fmt::format("{} refused: {}", door.address, answer.error().message);
    tell(answer.error().message);
  }
  if (!refusal.empty()) return make_error(ErrorCode::kBadInput, refusal);
  return std::optional<Entered>();
}

/// Doors that nobody has named, before those that did not open.
void add_found_doors(Lookout& lookout, std::vector<trust::Contact>& doors, const TellEntry& tell) {
  if (!lookout.can_look()) return;
  tell("nobody opens at the addresses that are known: looking for members in the DHT");
  const auto found = lookout.find(kLookLimit);
  if (found.has_error()) return tell(found.error().message);
  std::vector<trust::Contact> all = *found;
  std::ranges::copy_if(doors, std::back_inserter(all), [&](const trust::Contact& door) {
    return std::ranges::find(*found, door) == found->end();
  });
  if (all.size() > kMostDoors) all.resize(kMostDoors);
  doors = std::move(all);
  if (!found->empty()) tell(fmt::format("members found in the DHT: {}", found->size()));
}

/// Until somebody opens; once around is enough where the description is here already.
Result<std::optional<Entered>> knock(std::vector<trust::Contact> doors, const Papers& papers,
                                     const Identity& identity,
                                     const std::optional<std::uint32_t>& stage, Lookout& lookout,
                                     const TellEntry& tell, bool may_give_up) {
  std::string told;
  const TellEntry tell_news = [&](const std::string& line) {
    if (std::exchange(told, line) != line) tell(line);
  };
  for (milliseconds pause = kFirstPause; !doors.empty() || !may_give_up;
       pause = std::min(2 * pause, kLongestPause)) {
    auto entered = knock_once(doors, papers, identity, stage, tell_news);
    if (may_give_up && entered.has_error()) return std::optional<Entered>();  // others may open
    if (entered.has_error() || *entered || may_give_up) return entered;
    add_found_doors(lookout, doors, tell_news);
    std::this_thread::sleep_for(pause);
  }
  return std::optional<Entered>();
}

/// What the member said, or what is kept; checked, and kept from now on.
Result<> settle_description(const config::NodeConfig& node, const Papers& papers,
                            const std::optional<std::string>& kept,
                            const std::optional<Entered>& entered, Entry& entry) {
  const auto own =
      kept ? check_description(*kept, papers)
           : Result<trust::SwarmDescription>(make_error(ErrorCode::kNotFound, "none is kept"));
  if (own.has_error() && !entered)
    return make_error(own.error().code, fmt::format("{}: {}: remove it, and it is asked for",
                                                    node.swarm.string(), own.error().message));
  entry.description_bytes = entered ? entered->description : *kept;
  BRIGADE_ASSIGN(entry.description, check_description(entry.description_bytes, papers));
  if (own.has_value() && own->revision > entry.description.revision) {
    entry.description_bytes = *kept;  // an older one than ours came
    entry.description = *own;
  }
  if (kept != entry.description_bytes)
    BRIGADE_TRY(write_file_atomically(node.swarm, entry.description_bytes));
  BRIGADE_ASSIGN(entry.swarm, settings_of(entry.description, node));
  return {};
}

Result<std::optional<std::uint32_t>> read_stage(const fs::path& file) {
  const auto text = read_file(file, kStageDigits);
  if (text.has_error()) {
    if (text.error().code == ErrorCode::kNotFound) return std::optional<std::uint32_t>();
    return text.error();
  }
  const bool is_number = !text->empty() && text->find_first_not_of("0123456789\n") == text->npos;
  if (!is_number)
    return make_error(
        ErrorCode::kCorrupt,
        fmt::format("{} holds no stage: remove it, and one is chosen anew", file.string()));
  return std::optional(static_cast<std::uint32_t>(std::stoul(*text)));
}

fs::path stage_file(const config::NodeConfig& node) {
  return node.state_dir / "stage";
}

/// The one that is set, or that was taken before; none: where it is needed.
Result<std::optional<std::uint32_t>> wished_stage(const config::NodeConfig& node) {
  if (!node.chooses_stage) return std::optional(node.stage);
  return read_stage(stage_file(node));
}

Result<> keep_stage(const config::NodeConfig& node, const Entry& entry) {
  const fs::path file = stage_file(node);
  if (entry.stage >= entry.swarm.stages)
    return make_error(ErrorCode::kCorrupt,
                      fmt::format("stage {} does not exist in a swarm of {} stages: remove {}",
                                  entry.stage, entry.swarm.stages, file.string()));
  std::error_code ignored;
  if (!node.chooses_stage || fs::exists(file, ignored)) return {};
  return write_file_atomically(file, fmt::format("{}\n", entry.stage));
}

}  // namespace

fs::path book_file(const config::NodeConfig& node) {
  return node.state_dir / "members";
}

fs::path revocations_file(const config::NodeConfig& node) {
  return node.state_dir / trust::kRevocationsFile;
}

Error put_out_by(const trust::Revocation& revocation) {
  const bool is_node = std::holds_alternative<NodeId>(revocation.subject);
  return make_error(ErrorCode::kBadInput,
                    fmt::format("{}: {}", trust::describe(revocation),
                                is_node ? "this node can take part no more"
                                        : "join with another one, which the owner can give you"));
}

fs::path keeps_folder(const fs::path& state_dir) {
  return state_dir / "keeps";
}

namespace {

// Whatever can't be renamed stays behind, where nobody takes it for what it is not. What is kept
// for repeats (daemon/kept_file.hpp) goes: others' copies come under the same names to where it
// would.
void move_all(const fs::path& source, const fs::path& target) {
  std::error_code failure;
  fs::create_directories(target, failure);
  for (const fs::path& file : files_in(source, failure)) {
    if (file.extension() == ".kept") {
      fs::remove(file, failure);
    } else {
      fs::rename(file, target / file.filename(), failure);
    }
  }
}

}  // namespace

Result<> change_stage(const config::NodeConfig& node, std::uint32_t from, std::uint32_t to) {
  BRIGADE_TRY(write_file_atomically(stage_file(node), fmt::format("{}\n", to)));
  move_all(node.state_dir / "checkpoints",
           Keeper::folder_of(keeps_folder(node.state_dir), StageIndex(from)));
  return {};
}

void own_what_was_kept(const config::NodeConfig& node, std::uint32_t stage) {
  move_all(Keeper::folder_of(keeps_folder(node.state_dir), StageIndex(stage)),
           node.state_dir / "checkpoints");
}

Result<Entry> enter_swarm(const config::NodeConfig& node, const Identity& identity,
                          const TellEntry& tell) {
  BRIGADE_ASSIGN(const Papers papers, read_papers(node.invite));
  Entry entry;
  entry.invite = papers.statement;
  auto book = read_book(book_file(node));
  if (book.has_error()) tell(book.error().message + ": it is written anew");
  if (book.has_value()) entry.book = std::move(*book);
  trust::Revocations revocations = read_revocations(node, papers.invite.origin, tell);
  if (const auto* own = revocations.of(identity.id, papers.invite.id))
    return put_out_by(own->revocation);
  entry.doors = doors(papers, entry.book.records, revocations, identity.id);

  BRIGADE_ASSIGN(const std::optional<std::string> kept, read_description_file(node.swarm));
  std::vector<std::string> addresses;
  for (const trust::Contact& door : entry.doors) addresses.push_back(door.address);
  Lookout lookout(node, papers.invite.origin, identity.id, std::move(addresses));
  if (entry.doors.empty() && !kept && !lookout.can_look()) {
    return make_error(
        ErrorCode::kBadInput,
        "the invite names no node to dial first: ask for one with a --contact, or set "
        "discovery.bootstrap in node.toml");
  }
  BRIGADE_ASSIGN(const std::optional<std::uint32_t> stage, wished_stage(node));
  // Who knows what the swarm trains need not wait for others: it goes on knocking when it runs.
  std::vector<trust::Contact> now = entry.doors;
  if (kept && now.size() > kPatientDoors) now.resize(kPatientDoors);
  BRIGADE_ASSIGN(std::optional<Entered> entered,
                 knock(now, papers, identity, stage, lookout, tell, kept.has_value()));
  if (entered && !entered->revocation.empty()) {
    BRIGADE_TRY(revocations.add(entered->revocation));
    BRIGADE_TRY(trust::save_revocations(revocations_file(node), revocations));
    return put_out_by(revocations.of(identity.id, papers.invite.id)->revocation);
  }
  for (const auto& [subject, known] : revocations.all()) entry.revocations.push_back(known.bytes);
  BRIGADE_TRY(settle_description(node, papers, kept, entered, entry));
  entry.records = entered ? std::move(entered->records) : entry.book.records;
  entry.stage = stage ? *stage : entered ? entered->stage : 0;
  BRIGADE_TRY(keep_stage(node, entry));
  return entry;
}

}  // namespace brigade::daemon
