// The swarm's data on this node's disk: the token files that its description names. Heads read
// them, and the nodes that keep the first stage's checkpoints keep them too, so that the first
// stage outlives all of its nodes like every other.
//
// Rules
// - Who is to have a file and lacks it copies it from a node that has it, piece by piece, and goes
//   on where it was after a restart or with another donor.
// - A copy gets its name when its checksum is the one that the owner has signed; else it is thrown
//   away, and whoever gave all of it is not asked again.
// - Files that are there are never touched, whatever is in them.
// Threading: core strand; a thread of its own for questions and files.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "daemon/identity.hpp"
#include "daemon/members/copies.hpp"
#include "trust/digest.hpp"

namespace brigade::daemon {

struct DataFile {
  std::filesystem::path path;  // its manifest is beside it, as PATH.json
  std::string manifest;        // JSON
  std::uint64_t bytes = 0;
  trust::Sha256 sha256{};
};

/// All of them, and not none.
bool are_here(const std::vector<DataFile>& files);

class DataShelf {
 public:
  static constexpr Duration kLook = std::chrono::seconds{1};

  struct Setup {
    Identity identity;
    std::vector<DataFile> files;             // as the description names them; empty: none
    std::uint64_t most_bytes_a_second = 0;   // while it copies; 0: any number
    std::function<void()> on_complete = {};  // what was missing is here now
  };
  struct Sources {
    bool is_wanted = false;  // this node is to have the data
    std::vector<Donor> donors;
  };
  DataShelf(boost::asio::io_context& core, Setup setup);
  ~DataShelf();

  void start(std::function<Sources()> look, OpenWay open_way);
  void stop();
  /// All files are here.
  bool is_complete() const { return is_complete_; }
  /// What is copied, and how far; empty: nothing is missing, or nobody needs it.
  const std::string& waiting_for() const { return waiting_for_; }
  const std::vector<DataFile>& files() const { return setup_.files; }

 private:
  void again();
  void look();
  Result<> copy(const Donor& donor, const DataFile& file, std::size_t index);
  void tell(const std::string& what);

  boost::asio::io_context& core_;
  Setup setup_;
  boost::asio::steady_timer timer_;
  std::function<Sources()> look_;
  OpenWay open_way_;
  std::set<NodeId> bad_;  // gave bytes of something else
  std::string waiting_for_;
  bool is_complete_ = false;
  std::atomic<bool> is_stopped_{false};  // the thread looks between two pieces
  boost::asio::thread_pool thread_{1};
};

/// The other end: a piece of one of them. kBadInput: not here, or beyond the bounds. Reads the
/// disk.
Result<std::string> data_answer(const std::string& question, const std::vector<DataFile>& files);

}  // namespace brigade::daemon
