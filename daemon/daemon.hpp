// The daemon put together: state folder, identity, data, stage, links, control service, systemd.
//
// make() does everything that can fail at a start and says it in one line. run() turns the core
// strand until the daemon is told to stop (signal, control service, end of the pipe to its parent)
// and the core has drained and saved, or the deadline has passed. How it ends, and what its owner
// may wish of a member (to rest for a while, to leave for good), is in farewell.cpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/node_config.hpp"
#include "config/swarm_config.hpp"
#include "daemon/checkpoint_store.hpp"
#include "daemon/control_server.hpp"
#include "daemon/delay_line.hpp"
#include "daemon/driver.hpp"
#include "daemon/engine.hpp"
#include "daemon/identity.hpp"
#include "daemon/journal.hpp"
#include "daemon/members/entry.hpp"
#include "daemon/members/members.hpp"
#include "daemon/state_dir.hpp"
#include "daemon/supervisor.hpp"
#include "daemon/transport.hpp"

namespace brigade::daemon {

struct DaemonOptions {
  config::NodeConfig node;
  config::SwarmConfig swarm;
  std::filesystem::path node_file{};  // that `node` was read from, told over the control service
  std::optional<Entry> entry;         // into a swarm with an owner: peers are its members
  bool may_move = false;              // a member that the swarm may send to another stage
  std::vector<std::filesystem::path> resume_from;  // more folders with checkpoints
  bool exit_when_over = false;                     // do not stay to serve status
  std::optional<int> parent_fd;                    // a pipe from the parent: stop when it closes
  bool handle_signals = true;                      // SIGINT and SIGTERM of the whole process
  std::function<void(Duration)> on_stopping;       // the time after which it must be over
  /// Tests: a transport around the real one, which `make` builds.
  std::function<std::unique_ptr<Transport>(TransportCallbacks, const MakeTransport& make)> around{};
  // What peers are told that this node decodes; less, to be as a node of an older version.
  std::vector<Codec> decodes{stage::kCodecs.begin(), stage::kCodecs.end()};
};

/// What needs torch, passed in so that this room links and is tested without it.
struct StageLibrary {
  std::function<Result<std::unique_ptr<stage::Stage>>(const stage::StageOptions&)> make;
  std::function<stage::SliceCost(const config::SwarmConfig&)> cost;
  std::function<stage::MemoryEstimate(const stage::StageOptions&)> estimate;
  CheckpointAccess checkpoints;
};

class Daemon {
 public:
  static Result<std::unique_ptr<Daemon>> make(DaemonOptions options, const StageLibrary& library);
  ~Daemon();

  /// Until the end; the error is what made it give up.
  Result<> run();

  const NodeId& id() const { return identity_.id; }
  const std::string& listen_address() const { return listen_; }
  /// After run(): this node left its stage to host another one, or resumes at its own.
  std::optional<StageIndex> moves_to() const { return moves_to_; }
  /// From any thread: as SIGTERM does.
  void post_stop();

 private:
  using Answer = ControlServer::Answer;
  // Building a large stage happens before the strand turns.
  static constexpr Duration kBuildExtension = std::chrono::minutes{10};

  Daemon(DaemonOptions options, StateDir state, Identity identity, const stage::Slice& slice,
         const StageLibrary& library);

  Result<> start(const StageLibrary& library);
  Result<swarm::StartState> find_start();
  Result<std::unique_ptr<TokenSource>> make_source();
  DataShelf::Setup data_setup();
  void open_late_source();
  Result<StageFacts> start_stage(const StageLibrary& library, std::unique_ptr<TokenSource> source);
  Result<> start_links(const StageLibrary& library);
  void make_members(const StageLibrary& library);
  BeginningSetup beginning_setup();
  KeeperSetup keeper_setup(const StageLibrary& library) const;
  void watch_process();
  void on_report(const Report& report);
  void want_link(const swarm::LinkWanted& wish);
  void on_phase(swarm::Phase phase);
  control::v1::NodeStatus status();

  void on_signal();
  void await_eof();
  void every_second();
  void feed_watchdog();

  std::string phase() const;
  void tell_of_wish(control::v1::NodeStatus& status) const;

  void request_stop(Duration deadline, const std::string& why);
  void move_to(const Mover::Move& move);
  void await_end(Duration deadline);
  void leave_when_done();
  void leave();

  void drain(const Answer& answer);
  void resume(const Answer& answer);
  void leave_for_good(const control::v1::LeaveRequest& wish, const Answer& answer);
  Result<> may_rest() const;
  void keep_wish(bool is_drained, const Answer& answer, std::function<void()> then);
  void rest();
  void hand_over();
  void find_heir();
  void say_goodbye(const std::string& last_words);
  void say(const std::string& line);

  DaemonOptions options_;
  StateDir state_;
  Identity identity_;
  stage::Slice slice_;
  std::string listen_;
  const std::uint64_t instance_;  // of this start

  // Destroyed in reverse: the strand outlives what posts to it.
  boost::asio::io_context core_;
  boost::asio::thread_pool pool_{1};  // the blocking pool: disk and the end of the control service
  Supervisor supervisor_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer second_timer_;
  boost::asio::steady_timer watchdog_timer_;
  boost::asio::steady_timer deadline_timer_;
  boost::asio::steady_timer farewell_timer_;
  boost::asio::posix::stream_descriptor parent_;
  char parent_byte_ = 0;

  CheckpointStore checkpoints_;
  Engine engine_;
  std::uint64_t eval_batches_ = 0;
  std::vector<DataFile> data_;       // that the swarm's description names
  LateTokenSource* late_ = nullptr;  // the engine's; until the data are here
  std::optional<Journal> journal_;
  std::vector<std::string> start_notes_;  // found before there was a journal to take them
  std::optional<Driver> driver_;
  std::optional<Members> members_;
  std::unique_ptr<Transport> transport_;
  ControlServer control_;

  bool is_told_to_stop_ = false;
  bool is_leaving_ = false;
  bool is_wish_underway_ = false;  // being written down
  bool is_drained_ = false;        // by its owner, in the next start too
  struct Farewell {                // its owner has it leave for good
    Duration patience{};
    std::uint64_t handed_back = 0;    // before
    std::vector<NodeId> successors;   // the same
    std::optional<TimePoint> end{};   // of waiting for an heir
    std::uint64_t position = 0;       // of its newest checkpoint
    std::vector<std::string> said{};  // to its owner
    bool is_ending = false;           // nothing is waited for any more
    bool is_said = false;             // goodbye
  };
  std::optional<Farewell> farewell_;
  std::optional<StageIndex> moves_to_;
  std::uint64_t training_seconds_ = 0;
  std::optional<Error> failure_;
};

}  // namespace brigade::daemon
