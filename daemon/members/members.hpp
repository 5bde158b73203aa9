// The membership of this node, driven: links, gossip and time go in, dials, words and news come out
// (swarm/membership/membership.hpp decides). Between the transport and what trains: training hears
// of its neighbours' links alone.
//
// - Links with the nodes that it trains with are kept up (neighbours.hpp); links to others carry
//   gossip only.
// - It finds what the weights of this node begin with (beginning.hpp), and keeps copies of other
//   stages (keeper.hpp).
// - Whom the swarm's owner has revoked it puts out, and tells all others (revoked.cpp).
// - It answers at the door (door.hpp), asks a member now and then whether this node can be dialled,
//   and keeps the members' book.
// Threading: core strand; what blocks runs on one thread of its own and posts back.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <brigade/control/v1/control.pb.h>
#include "base/time.hpp"
#include "daemon/discovery/notice_board.hpp"
#include "daemon/identity.hpp"
#include "daemon/members/beginning.hpp"
#include "daemon/members/conduct.hpp"
#include "daemon/members/data_shelf.hpp"
#include "daemon/members/door.hpp"
#include "daemon/members/entry.hpp"
#include "daemon/members/gossip.hpp"
#include "daemon/members/keeper.hpp"
#include "daemon/members/mover.hpp"
#include "daemon/members/neighbours.hpp"
#include "daemon/members/notary.hpp"
#include "daemon/port_mapping/port_mapping.hpp"
#include "daemon/report.hpp"
#include "daemon/transport.hpp"
#include "daemon/wakeup_timer.hpp"
#include "daemon/warning_budget.hpp"
#include "swarm/event.hpp"
#include "swarm/membership/membership.hpp"

namespace brigade::daemon {

struct MemberInfo {
  swarm::membership::RecordPtr record;
  swarm::membership::Standing standing = swarm::membership::Standing::kAlive;
  bool is_self = false;
  bool is_linked = false;
  std::optional<NodeId> relay;  // its link goes through this one
};

/// What this node met with at a member.
struct MemberTrouble {
  std::string last_error;  // why the newest dial failed or the last link ended; empty: none
  Conduct::Account conduct;
};

/// How this node is found by those who know no address of it. Each may be none: then it is not.
struct Outside {
  std::function<Result<std::unique_ptr<Discovery>>(const std::string& listen)> make_discovery;
  std::filesystem::path dht_nodes;  // kept here
  std::function<std::vector<std::unique_ptr<Gateway>>()> make_gateways;
};

/// As the node's settings have them.
Outside make_outside(const config::NodeConfig& node, const trust::SwarmOrigin& origin);

class Members {
 public:
  struct Setup {
    Identity identity;
    Entry entry;
    std::filesystem::path book;
    std::filesystem::path revocations;  // kept here
    std::string announce;  // HOST:PORT where others reach this node for sure; empty: find out
    std::uint64_t memory_bytes = 0;
    std::uint64_t now_unix_s = 0;
    BeginningSetup beginning;
    KeeperSetup keeper;
    DataShelf::Setup data;
    bool may_move = false;                            // the swarm chooses the stage
    bool is_drained = false;                          // by its owner, since an earlier start
    std::function<void(const Mover::Move&)> move_to;  // this node is to go to another stage
    std::function<void(const swarm::ReplicasCounted&)> count_replicas;
    Outside outside;
  };
  Members(boost::asio::io_context& core, Setup setup, std::function<void(const Report&)> report);
  ~Members();

  /// Around those of training: `training` hears of the stages that this node trains with.
  TransportCallbacks callbacks_around(TransportCallbacks training);
  void attach(Transport& transport) { transport_ = &transport; }
  /// The transport listens at this address, if it listens.
  void start(const std::string& listen_address);
  /// Whoever misbehaves too often is not worked with for a while (conduct.hpp).
  void note_misdeed(const swarm::Misbehaved& misdeed);
  /// A link beside those that it chooses itself, or no longer.
  void want_link(const swarm::LinkWanted& wish);
  /// This node has a checkpoint of its stage, or may have one now.
  void note_state();
  /// By its owner's wish it finishes what it holds (kLeaving), then holds nothing (kDrained): it
  /// trains no more, and is a member in all else.
  void rest(swarm::membership::Doing doing);
  /// Other nodes that train this stage, and have a checkpoint of it.
  std::vector<NodeId> successors() const;
  /// Asks them and the keepers which checkpoint of this stage they have; the newest comes first.
  void find_copies(std::function<void(const std::vector<Offered>&)> done);
  /// What its weights wait for; empty: they have begun.
  const std::string& waiting_for() const { return beginning_.waiting_for(); }
  const DataShelf& data() const { return shelf_; }
  /// From whoever runs this node. Errors as of trust::Revocations::add(); those before it hold.
  Result<control::v1::RevokeResponse> revoke(const control::v1::RevokeRequest& request);
  /// Says goodbye to everybody; nothing is heard or told any more.
  void leave();

  std::vector<MemberInfo> list() const;
  MemberTrouble trouble_with(const NodeId& member) const;
  /// Whether others can dial this node: "yes", "no", "unknown", or "announced": nobody was asked.
  const char* reach_status() const;
  std::size_t dht_nodes() const { return board_ ? board_->nodes() : 0; }
  /// For people, one line each.
  std::string discovery_status() const;
  const std::string& port_mapping_status() const { return mapping_status_; }

 private:
  using Event = swarm::membership::Event;
  static constexpr Duration kFirstReach = std::chrono::seconds{1};    // after the start
  static constexpr Duration kTunnelLimit = std::chrono::seconds{20};  // then it is tried anew

  void handle(const Event& event);
  void pump();
  void on_link_up(const PeerAddress& peer);
  void on_link_down(const PeerAddress& peer, const std::string& reason, bool was_closed);
  void on_gossip(const NodeId& from, const std::string& bytes);
  void refuse_gossip(const NodeId& from, const Error& error);
  void on_question(const Question& question);
  Door::Inside inside();
  BeginningSetup beginning_setup();
  KeeperSetup keeper_setup();
  void accuse(const NodeId& donor, const std::string& why);
  bool is_quarantined(const NodeId& node) const;
  void learn(const std::vector<std::string>& records);

  void carry_out(const swarm::membership::Send& action);
  void carry_out(const swarm::membership::Dial& action);
  void carry_out(const swarm::membership::Drop& action);
  void carry_out(const swarm::membership::MemberChanged& action);
  void carry_out(const swarm::membership::MemberForgotten& action);
  void carry_out(const swarm::membership::Renewed& action);
  void carry_out(const swarm::membership::Misbehaved& action);
  void carry_out(const swarm::membership::RunsTwice& action);
  bool trains_with(const PeerAddress& peer) const;

  void hear_of_revoked(const NodeId& from, const RevokedTold& told);
  void on_revoked(const std::vector<std::string>& news, const std::optional<NodeId>& from);
  void tell_revoked(const NodeId& to, const RevokedTold& told);
  void say_what_is_revoked(const NodeId& to);
  void put_out_the_revoked();
  void put_out(const NodeId& node, const std::string& why);
  void keep_revocations();
  void end_questions();
  bool save(const trust::Revocations& known) const;
  void ask_at(const trust::Contact& door);

  void drop(const NodeId& node, const std::string& reason);
  void choose_neighbours();

  void meet_neighbours();
  void meet(const NodeId& peer);
  Result<> may_relay(const NodeId& caller, const NodeId& callee) const;
  std::optional<NodeId> relay_of(const NodeId& member) const;
  void forget(const NodeId& member);
  std::vector<RelayAddress> relays_to(const swarm::membership::NodeRecord& record) const;

  void go_outside(const std::string& listen_address);
  void start_notice_board(const std::string& listen_address);
  NoticeBoard::Surroundings surroundings() const;
  std::vector<std::string> addresses_of_members() const;
  void on_mapping(const PortMappingNews& news);
  std::uint16_t port_to_try() const;

  void find_reach();
  void arm_reach_timer(Duration after);
  void answer_reach(const Question& question);
  void answer_member(const Question& question);
  StateInSwarm state_in_swarm() const;
  std::map<StageIndex, std::vector<Donor>> stages_to_keep() const;
  std::vector<Donor> keepers_of(StageIndex stage) const;
  std::vector<Donor> donors_of(StageIndex stage) const;
  bool keeps(StageIndex stage) const;
  DataShelf::Sources data_sources();
  void knock_again();
  void keep_balance();
  void say_what_it_does();
  void keep_book();

  boost::asio::io_context& core_;
  Setup setup_;
  std::function<void(const Report&)> report_;
  Notary notary_;
  Door door_;
  WarningBudget strangers_{WarningBudget::Clock::now()};
  swarm::membership::Membership membership_;
  TransportCallbacks training_;
  Transport* transport_ = nullptr;
  WakeupTimer timer_;
  boost::asio::steady_timer reach_timer_;
  boost::asio::steady_timer book_timer_;
  boost::asio::steady_timer meet_timer_;
  boost::asio::thread_pool asker_{1};
  boost::asio::thread_pool reader_{1};        // of the disk, for those who copy
  std::size_t reaches_ = 0;                   // being tried for others
  std::uint16_t port_ = 0;                    // that this node listens on; 0: none
  std::optional<bool> is_reachable_;          // none: not known yet
  std::optional<std::uint16_t> mapped_port_;  // the router's, as it says
  bool tries_mapped_ = false;
  std::string mapping_status_;

  std::map<NodeId, PeerAddress> linked_;
  struct Relayed {
    NodeId relay;
    TimePoint since;
  };
  std::map<NodeId, Relayed> relayed_;  // peers that are dialled or linked through another one
  std::map<NodeId, Relayed> called_;   // members that dial this node so
  std::size_t next_relay_ = 0;
  std::map<NodeId, TimePoint> told_revoked_;    // linked peers, that were told all revocations
  std::map<NodeId, std::size_t> failed_dials_;  // of members; the address after the last is next
  std::map<NodeId, std::string> last_errors_;   // of members
  /// What the log knows of a member: the rest of its news is not for people.
  struct Told {
    swarm::membership::Standing standing;
    std::optional<StageIndex> stage;
    swarm::membership::Doing doing;
    bool operator==(const Told&) const = default;
  };
  std::map<NodeId, Told> told_;
  Conduct conduct_;
  Beginning beginning_;
  Keeper keeper_;
  DataShelf shelf_;
  std::size_t answers_ = 0;  // being read from the disk for others
  bool has_state_ = false;   // a checkpoint of this stage
  TimePoint knocked_;
  std::size_t next_door_ = 0;
  std::size_t next_asked_ = 0;  // for data
  StageIndex stage_;
  std::uint32_t stages_ = 1;
  Neighbours neighbours_;
  Mover mover_;
  struct Underway {
    StageIndex to;
    TimePoint since;
  };
  std::map<NodeId, Underway> underway_;  // who has set out for another stage
  std::optional<StageIndex> target_;     // it moves there
  std::optional<swarm::membership::Doing> rests_;
  std::set<NodeId> kept_;  // links with them are to be kept up
  bool has_left_ = false;
  bool has_unkept_ = false;  // revocations that are not on the disk yet
  std::optional<NoticeBoard> board_;
  std::optional<PortMapping> mapping_;  // its thread posts to the strand
};

}  // namespace brigade::daemon
