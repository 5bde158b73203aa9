// How the stages of a line agree on an epoch and where it starts, without being asked twice.
//
// Rules
// - Up the line travels what the stages after a node can do, down the line what the head decided
//   (message.hpp). Both are state, repeated; a lost beacon delays, and never confuses.
// - The head starts an epoch when it has heard of all P stages and one of them (or itself) needs
//   one: it is new, has restarted, or could not restore. It takes the newest checkpoint that is
//   sound at all of them, and a number above every epoch that anybody has seen.
// - A stage without any checkpoint has lost its disk, or is new. If another one holds state, to
//   start at the seeded initialisation would throw that away: the session is blocked instead,
//   unless Options::may_start_over. A stored checkpoint of position 0 is a cut like any other.
// - A stage joins the epoch of the stage before it if it is not sealed and newer than every epoch
//   that it took part in (its disk remembers: after a restart its memory of the ledger is gone).
// - Sealed: once a node and everything after it was ready in an epoch, a stage after it that is not
//   in that epoch has lost its state, even if its disk says otherwise. The line then needs a new
//   epoch. This is how a line whose services restart by themselves heals.
// - Within one session of a link an UpBeacon that has seen less than the one before is late:
//   ignored.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "swarm/epoch_info.hpp"
#include "swarm/message.hpp"
#include "swarm/options.hpp"

namespace brigade::swarm {

class LineSession {
 public:
  /// This stage's own part of what it says about itself and everything after it.
  struct Own {
    const std::vector<CheckpointId>& offers;
    std::uint64_t position = 0;
    bool is_drained = false;
    bool wants_stop = false;
    std::uint64_t settled = 0;  // nothing below it is stored any more
  };
  struct Verdict {
    enum class Kind : std::uint8_t { kStay, kEnter, kBlocked };
    Kind kind = Kind::kStay;
    Epoch epoch;        // with kEnter
    CheckpointId from;  // with kEnter
    const char* reason = "";
  };

  LineSession(const Options& options, Epoch max_epoch);

  /// False: nonsense, it feeds the peer's score.
  bool hear(const UpBeacon& beacon);
  bool hear(const DownBeacon& beacon);
  void lose_after();  // the link to the stage after broke or came up: nothing is known beyond it

  Verdict decide(const Own& own) const;
  void enter(const Verdict& verdict);
  void on_restored(bool succeeded);

  UpBeacon up_beacon(const Own& own) const;
  /// What this stage passes on; the head gives what it decided in `news`.
  DownBeacon down_beacon(const DownBeacon& news) const;
  /// What the stage before said about the present epoch; nothing at the head.
  const std::optional<DownBeacon>& before() const { return before_; }

  Epoch epoch() const { return epoch_; }
  bool is_restored() const { return is_restored_; }
  bool is_sealed() const { return is_sealed_; }
  bool wants_stop_after() const { return after_ && after_->wants_stop; }
  std::uint64_t settled(const Own& own) const;  // here and at all stages after, in this epoch
  bool is_drained_after() const;                // all stages after this one, in this epoch
  /// Checkpoints sound here and at every stage after, newest first; empty while some are unheard.
  std::vector<CheckpointId> common(const Own& own) const;

 private:
  bool is_head() const { return stage_ == 0; }
  bool is_tail() const { return stage_ + 1 == stages_; }
  bool has_heard_all() const;
  bool needs_epoch() const;
  bool is_ready() const;
  Epoch max_epoch() const;
  void seal_if_ready();
  Verdict decide_at_head(const Own& own) const;

  std::uint32_t stage_;
  std::uint32_t stages_;
  bool may_start_over_;

  Epoch epoch_;  // 0: in none
  CheckpointId from_;
  Epoch max_epoch_;  // seen by this stage itself
  Epoch past_;       // newest epoch that this stage may not join any more
  bool is_restored_ = false;
  bool is_sealed_ = false;
  std::optional<UpBeacon> after_;
  std::optional<DownBeacon> before_;
};

}  // namespace brigade::swarm
