// Replicas of a stage average parts of their weights, two at a time, while training goes on.
//
//   who asks       share → ask with it ················· answer → blend
//   who is asked               share → answer with it → blend
//
// Rules
// - Every `average_every` own updates a node asks a replica of its stage, drawn among those that
//   are linked, live and ready. A round names the parts; who asks numbers it.
// - A node is in one exchange at a time. Who is in another, is not restored or will leave says "not
//   now" (an answer without bytes); who hears it asks again after a pause in own updates that is
//   drawn and doubles, so that two nodes do not stay in step.
// - Two that ask each other: the lower id's exchange goes on, the other one's is given up for it.
// - Nothing waits for an exchange and nothing of it is repeated. A peer that does not answer in
//   time, goes out of contact or comes back as another instance ends it; what it says of it later
//   is let go.
// - Values count by how many micro-batches they learned since the sender's last exchange, plus one:
//   both blend towards the same mean. A node that has restored counts nothing for its first
//   `average_rounds` blends, about what names all of its weights once: it takes over what others
//   have. Where neither counts, values count by positions.
// - After it both go on from the mean of their positions (stage_position.hpp), or from the one that
//   counts.
//
// Bounds: two payloads; a round remembered for each replica. Cost: linear in the peers when due.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/random.hpp"
#include "swarm/event.hpp"
#include "swarm/peer_book.hpp"
#include "swarm/shared.hpp"

namespace brigade::swarm {

class Averager {
 public:
  static constexpr std::uint8_t kMostPatience = 4;  // refusals that double the pause

  Averager(Shared& shared, const PeerBook& peers);

  struct View {
    bool is_open = false;  // restored, and stays
    Version version;
    std::uint64_t in_weights = 0;  // own micro-batches
  };
  /// The engine being free: what it is to do for an exchange; may begin one.
  std::optional<Action> next_task(const View& view);

  void on(const NodeId& from, const Share& share, bool is_open);
  void on(TimePoint now, const ShareTaken& answer);
  void on(const Blended& answer);
  /// Ends an exchange whose peer is lost or does not answer.
  void on_time(TimePoint now);
  TimePoint next_due() const;
  /// This node leaves: lets go of all that the engine does not use.
  void stop();

  bool is_busy() const { return exchange_.state != State::kIdle; }
  std::uint64_t averaged() const { return averaged_; }
  std::uint64_t failed() const { return failed_; }

 private:
  enum class State : std::uint8_t { kIdle, kShareDue, kSharing, kAsked, kBlendDue, kBlending };
  struct Side {
    Payload payload;
    double weight = 0;
    std::uint64_t position = 0;
  };
  struct Exchange {
    State state = State::kIdle;
    bool is_asker = false;
    Holder peer;
    std::uint64_t round = 0;
    Side mine;
    Side theirs;
    std::uint64_t in_weights = 0;  // when `mine` was taken
    TimePoint deadline = kNever;
  };
  struct Asked {  // the newest round that a replica asked for
    std::uint64_t instance = 0;
    std::uint64_t round = 0;
  };

  void plan(const View& view);
  void begin(const View& view);
  Action begin_share(const View& view);
  Action begin_blend();
  void on_asked(const PeerBook::Peer& peer, const Share& share, bool is_open);
  void on_answered(const PeerBook::Peer& peer, const Share& share);
  bool is_repeated(const PeerBook::Peer& peer, const Share& share);
  bool gives_way(const Holder& peer) const;
  void send(bool is_answer);
  void end();
  void fail();
  double blend_weight() const;
  std::uint64_t merged_position() const;

  Shared& shared_;
  const PeerBook& peers_;
  Random random_;
  Exchange exchange_;
  bool is_share_orphaned_ = false;   // the engine takes one that nobody waits for any more
  std::uint64_t blended_ = 0;        // since this start
  std::uint64_t averaged_then_ = 0;  // own micro-batches in the weights at the last exchange
  std::uint64_t round_;
  std::optional<std::uint64_t> ask_at_;  // own updates; none until restored
  bool is_put_off_ = false;
  std::uint8_t patience_ = 0;
  std::map<NodeId, Asked> asked_;
  std::uint64_t averaged_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace brigade::swarm
