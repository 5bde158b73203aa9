// What the weights of this node begin with, when it starts: a member does not go on from what it
// wrote once while others of its stage have trained on.
//
// Rules, looked at every kLook until the node has begun
// - Other nodes of the stage, and those that keep copies for it (keeper.hpp), are asked what they
//   have. If the newest of it is newer than this node's own, it is copied, named when it is
//   complete and verified (CheckpointStore::take_in), and begun with.
// - Else this node begins with its own newest. Has it none, and nobody in the swarm has trained:
//   with the seeded initialisation. Else the stage is lost for now: it waits for one that has it.
// - Who meets nobody for kAlone takes itself for the first to come back.
// - A stage that others host is never begun anew: its nodes are waited for. Who has a checkpoint of
//   its own and can't reach them goes on from that one after kPatience.
// Threading: core strand; a thread of its own for questions and files, so that a copy of hours
// holds nobody up.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "daemon/identity.hpp"
#include "daemon/members/copies.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

struct BeginningSetup {
  Identity identity;
  StageIndex stage;
  std::filesystem::path folder;  // of this node's checkpoints
  std::uint64_t most_bytes = 0;  // of a checkpoint
  std::function<std::vector<HeldCheckpoint>()> own;
  /// Checks the file, makes it this node's and calls back.
  std::function<void(const swarm::CheckpointId&, const std::filesystem::path&,
                     std::function<void(const Result<>&)>)>
      take_in;
  std::function<void(const swarm::CheckpointId&)> start_from;
  std::function<void(const NodeId& donor, const std::string& why)> blame{};  // its copy is a lie
  std::function<bool()> is_waiting;  // training waits for what it begins with
  /// What else must be here first; empty: nothing.
  std::function<std::string()> lacks = [] { return std::string(); };
};

/// What the members say of their state.
struct StateInSwarm {
  std::vector<Donor> donors;  // nodes of this stage with a checkpoint, and who may keep one for it
  bool has_trained = false;   // somebody at any stage has one
  bool lives = false;         // somebody at this stage has one
  bool has_met = true;        // false: nobody yet, though this node was told of some
};

class Beginning {
 public:
  static constexpr Duration kLook = std::chrono::milliseconds{500};
  static constexpr Duration kAlone = std::chrono::seconds{15};  // without meeting anybody
  static constexpr Duration kPatience = std::chrono::seconds{60};

  Beginning(boost::asio::io_context& core, BeginningSetup setup)
      : core_(core), setup_(std::move(setup)), timer_(core) {}
  ~Beginning();

  void start(std::function<StateInSwarm()> look, OpenWay open_way);
  void stop();
  /// Why the node has not begun; empty: it has.
  const std::string& waiting_for() const { return waiting_for_; }

 private:
  void again();
  void look();
  void choose(const std::vector<Offered>& offered, const StateInSwarm& state);
  void copy(const Offered& offered);
  void begin_with(const swarm::CheckpointId& checkpoint,
                  const std::optional<NodeId>& copied_from = std::nullopt);
  void note_bad(const Offered& offered, const Error& why);
  std::optional<swarm::CheckpointId> newest_own() const;

  boost::asio::io_context& core_;
  BeginningSetup setup_;
  boost::asio::steady_timer timer_;
  std::function<StateInSwarm()> look_;
  OpenWay open_way_;
  TimePoint started_at_;
  bool has_met_ = false;  // at the last look
  std::optional<swarm::CheckpointId> begun_with_;
  std::optional<NodeId> copied_from_;                     // that
  std::set<swarm::CheckpointId> spoilt_;                  // could not be restored
  std::set<std::pair<NodeId, swarm::CheckpointId>> bad_;  // offered, and not what was offered
  std::optional<TimePoint> stuck_since_;
  std::string waiting_for_;
  std::atomic<bool> is_stopped_{false};  // the thread looks between two pieces
  boost::asio::thread_pool thread_{1};
};

}  // namespace brigade::daemon
