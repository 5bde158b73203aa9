// Keeps copies of the newest checkpoints of the stages beside this one, so that a stage outlives
// all of its nodes: whoever hosts it next begins with such a copy (beginning.hpp).
//
// Rules
// - Of each stage kCopies nodes of the two stages beside it keep a copy: those that can be dialled,
//   by a hash of node and stage, the smallest first. Everybody who knows the members knows who they
//   are, so nobody negotiates and nobody keeps a list. Nodes know the members of the stages beside
//   theirs however large the swarm is.
// - Whole files, not parts of an erasure code: one node that is left is enough to restore from, and
//   a stage's checkpoint is of the size that each of its replicas holds in memory anyway.
// - Every kLook the replicas of one of these stages are asked what they have. A newer one is
//   copied at kBytesASecond at most, verified, and takes the place of the older one.
// - What this node is no longer chosen to keep goes after kLetGo, but never while nobody alive has
//   the stage.
// Threading: core strand; a thread of its own for questions and files.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "daemon/identity.hpp"
#include "daemon/members/copies.hpp"

namespace brigade::daemon {

struct KeeperSetup {
  Identity identity;
  std::filesystem::path folder;
  std::uint64_t most_bytes = 0;  // of a checkpoint
  /// Which checkpoint of that stage the file is, if it is a sound one. Blocks.
  std::function<Result<swarm::CheckpointId>(StageIndex, const std::filesystem::path&)> verify;
  std::function<void(const NodeId& donor, const std::string& why)> blame{};  // its copy is a lie
};

class Keeper {
 public:
  static constexpr std::size_t kCopies = 2;
  static constexpr Duration kLook = std::chrono::seconds{2};
  static constexpr Duration kLetGo = std::chrono::minutes{10};
  static constexpr std::uint64_t kBytesASecond = 20'000'000;

  /// Where a node stands among those that may keep a stage: the smallest keep it.
  static std::uint64_t rank_of(const NodeId& node, StageIndex stage);
  static std::filesystem::path folder_of(const std::filesystem::path& keeps, StageIndex stage);

  Keeper(boost::asio::io_context& core, KeeperSetup setup)
      : core_(core), setup_(std::move(setup)), timer_(core) {}
  ~Keeper();

  /// `wanted`: the stages that this node keeps now, and who has their state. What is dead it keeps
  /// whether it is chosen or not.
  void start(std::function<std::map<StageIndex, std::vector<Donor>>()> wanted, OpenWay open_way);
  void stop();
  std::vector<HeldCheckpoint> held(StageIndex stage) const;

 private:
  struct Kept {
    HeldCheckpoint newest;
    TimePoint wanted_at;
  };
  void again();
  void look();
  void scan();
  void copy(StageIndex stage, const std::vector<Donor>& donors);
  void note(StageIndex stage, const HeldCheckpoint& taken);
  void let_go(TimePoint now);

  boost::asio::io_context& core_;
  KeeperSetup setup_;
  boost::asio::steady_timer timer_;
  std::function<std::map<StageIndex, std::vector<Donor>>()> wanted_;
  OpenWay open_way_;
  std::map<StageIndex, Kept> kept_;
  StageIndex next_;  // to be asked for
  std::string told_;
  std::atomic<bool> is_stopped_{false};  // the thread looks between two pieces
  boost::asio::thread_pool thread_{1};
};

}  // namespace brigade::daemon
