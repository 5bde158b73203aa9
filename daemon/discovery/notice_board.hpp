// When a member leaves word of itself where the others find it (discovery.hpp), when it looks there
// for them, and what of it is believed.
//
// Rules
// - A member that can be dialled leaves its signed record, sealed for its swarm, when its addresses
//   have changed and every kPublishEvery: a value lives for Discovery::kExpiry. In a large swarm it
//   does so more seldom, so that about kBoardRecords of all members are there at any time.
// - A node without any link looks after kAlone, then with pauses that double from kFirstPause up to
//   kLongestPause. One with links looks every kLookAround: two halves of a swarm that have both
//   moved find each other so.
// - What is found is believed as far as gossip is: sealed by somebody who knows the swarm, signed
//   by the node that it names, let in by the owner; of one node the newest. It is a contact to
//   dial, no more. The rest is dropped and counted; nobody is blamed, since nobody is known.
// - While few nodes of the DHT answer, addresses of members are tried: each runs one at its port.
// Threading: core strand; the discovery's own threads post to it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "daemon/discovery/discovery.hpp"
#include "trust/member.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::daemon {

struct FoundRecord {
  trust::NodeRecord record;
  std::string bytes;  // signed
};
/// None: not a record of a member of this swarm that can be dialled.
std::optional<FoundRecord> read_found(const trust::SwarmOrigin& origin, const std::string& value);

class NoticeBoard {
 public:
  static constexpr Duration kPublishEvery = std::chrono::minutes{4};
  static constexpr Duration kPublishPause = std::chrono::seconds{10};  // at least
  static constexpr std::size_t kBoardRecords = 64;
  static constexpr Duration kAlone = std::chrono::seconds{5};
  static constexpr Duration kFirstPause = std::chrono::seconds{15};
  static constexpr Duration kLongestPause = std::chrono::minutes{5};
  static constexpr Duration kLookAround = std::chrono::minutes{15};
  static constexpr Duration kTendNodes = std::chrono::seconds{20};
  static constexpr std::size_t kFewNodes = 8;

  /// What this node sees of its swarm.
  struct Surroundings {
    bool is_alone = true;                    // no link
    std::vector<std::string> own_addresses;  // where it can be dialled; empty: nowhere
    std::size_t dialable = 0;                // members that can be dialled, of those known
  };
  struct Setup {
    trust::SwarmOrigin origin;
    NodeId self;
    std::unique_ptr<Discovery> discovery;
    std::filesystem::path nodes_file;
    std::function<Surroundings()> look;
    std::function<std::vector<std::string>()> addresses;  // where members are, or were
    std::function<std::string()> own_record;              // signed, as it is now
    std::function<void(const std::string&)> found;        // a signed record, checked
    std::function<void(std::function<void()>)> aside;     // runs what blocks on another thread
  };
  NoticeBoard(boost::asio::io_context& core, Setup setup);
  ~NoticeBoard();

  void start();
  /// One look at the time; start() sees to it every second.
  void tick(TimePoint now);
  /// Keeps the DHT's nodes for the next start and ends the discovery.
  void stop();

  /// For people: "12 nodes of the DHT, …".
  std::string status() const;
  /// Of the DHT, that answer.
  std::size_t nodes() const { return setup_.discovery ? setup_.discovery->status().nodes : 0; }
  std::uint64_t refused() const { return refused_; }

 private:
  void arm();
  void tend_nodes(TimePoint now);
  void publish(TimePoint now, const Surroundings& around);
  void look_for_others(TimePoint now, const Surroundings& around);
  void find(const char* reason);
  void on_found(const std::string& value);
  void keep_nodes();

  boost::asio::io_context& core_;
  Setup setup_;
  boost::asio::steady_timer timer_;
  std::vector<std::string> published_addresses_;
  std::optional<TimePoint> published_at_;
  std::optional<TimePoint> alone_since_;
  std::optional<TimePoint> next_find_;
  Duration pause_ = kFirstPause;
  TimePoint next_tending_ = TimePoint::min();
  std::size_t next_address_ = 0;
  std::vector<std::string> kept_nodes_;
  std::map<NodeId, std::uint64_t> incarnations_;  // found by the present search
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace brigade::daemon
