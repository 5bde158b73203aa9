// Keeps a copy of this stage's newest checkpoint while another node works for it, so that the stage
// outlives that node: whoever stands by goes on from the newest copy that it has.
//
// Rules
// - Every kLook the working node is asked what it has; the newest that is not here is copied in
//   pieces, one after the other, so that the link and the disk have room for other things.
// - A copy gets its name when it is complete and verified (CheckpointStore::take_in); the next look
//   comes after that.
// - It asks nodes that it can dial. A node that was in an epoch itself copies nothing.
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
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "daemon/identity.hpp"
#include "daemon/question.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

/// A checkpoint of this stage on this node's disk.
struct OwnCheckpoint {
  swarm::CheckpointId checkpoint;
  std::filesystem::path path;
};

struct StandbySetup {
  Identity identity;
  std::filesystem::path folder;  // of this node's checkpoints
  std::function<std::vector<OwnCheckpoint>()> own;
  /// A complete copy of that checkpoint, not verified: checks it, gives it its name, then `done`.
  std::function<void(const swarm::CheckpointId&, const std::filesystem::path&,
                     std::function<void()> done)>
      take_in;
  std::function<bool()> is_idle;  // this node has been in no epoch: what it has came from others
};

/// Who works for the stage, and where it is asked.
struct Worker {
  NodeId node;
  std::string address;
};

class Standby {
 public:
  static constexpr Duration kLook = std::chrono::seconds{3};

  Standby(boost::asio::io_context& core, StandbySetup setup)
      : core_(core), setup_(std::move(setup)), timer_(core) {}
  ~Standby();

  /// `worker`: none while there is nothing to copy from.
  void start(std::function<std::optional<Worker>()> worker);
  void stop();

 private:
  void look();
  void again();
  void compare(const Worker& worker, const Result<std::string>& answer);
  void copy(const Worker& worker, const swarm::CheckpointId& checkpoint, std::uint64_t bytes);

  boost::asio::io_context& core_;
  StandbySetup setup_;
  boost::asio::steady_timer timer_;
  std::function<std::optional<Worker>()> worker_;
  std::atomic<bool> is_stopped_{false};  // the thread looks between two pieces
  boost::asio::thread_pool thread_{1};
};

// The working node's side.
std::string checkpoints_answer(const std::vector<OwnCheckpoint>& own);
/// The bytes asked for; kBadInput: not here, or beyond the bounds. Reads the disk.
Result<std::string> piece_answer(const std::string& question,
                                 const std::vector<OwnCheckpoint>& own);

}  // namespace brigade::daemon
