// A peer that says anything: nothing crashes, nothing grows beyond its bounds, and members that
// others vouch for stay.
#include "base/limits.hpp"
#include "tests/property/swarm/seeds.hpp"
#include "tests/unit/membership/rig.hpp"

namespace brigade::swarm::membership::test {
namespace {

class Babble {
 public:
  explicit Babble(std::uint64_t seed) : random_(seed) {}

  Message message() {
    switch (random_.below(9)) {
      case 0:
        return Hello{record(), interest(), summaries()};
      case 1:
        return Gossip{interest(), many<Rumour>([&] { return rumour(); }), summaries()};
      case 2:
        return Probe{};
      case 3:
        return ProbeAck{};
      case 4:
        return ProbeFor{node(number())};
      case 5:
        return ProbeResult{node(number()), random_.chance(0.5)};
      case 6:
        return SyncDigest{interest(), many<GroupDigest>([&] { return GroupDigest{stage(), {}}; })};
      case 7:
        return SyncEntries{
            many<SyncBuckets>([&] {
              return SyncBuckets{stage(), static_cast<std::uint16_t>(random_.below(1 << 16))};
            }),
            many<SyncEntry>([&] {
              return SyncEntry{prefix_of(node(number())), Incarnation{random_.below(5)}};
            })};
      default:
        return SyncRecords{many<RecordPtr>([&] { return record(); }),
                           many<SuspicionPtr>([&] { return lie(); }),
                           many<std::uint64_t>([&] { return prefix_of(node(number())); })};
    }
  }

 private:
  template <class T, class Make>
  std::vector<T> many(const Make& make) {
    std::vector<T> items(random_.below(random_.chance(0.05) ? 3000 : 20));
    for (T& item : items) item = make();
    return items;
  }
  std::uint32_t number() {
    return random_.chance(0.1) ? kSelf : static_cast<std::uint32_t>(random_.below(40));
  }
  StageIndex stage() { return StageIndex{static_cast<std::uint32_t>(random_.below(5))}; }
  Interest interest() { return {stage(), stage()}; }
  std::vector<Summary> summaries() {
    return many<Summary>([&] {
      return Summary{stage(),
                     static_cast<std::uint32_t>(random_.below(1000)),
                     static_cast<std::uint32_t>(random_.below(1000)),
                     random_(),
                     Duration{static_cast<Duration::rep>(random_())},
                     random_.chance(0.2) ? record() : nullptr};
    });
  }
  RecordPtr record() {
    if (random_.chance(0.02)) return nullptr;
    NodeRecord record = serving(number(), static_cast<std::uint32_t>(random_.below(5)),
                                random_.chance(0.02) ? random_() : random_.below(8));
    record.doing = static_cast<Doing>(random_.below(7));
    if (random_.chance(0.3)) record.stage.reset();
    record.can_be_dialled = random_.chance(0.5);
    record.via.resize(random_.below(5), node(number()));
    return share(std::move(record));
  }
  SuspicionPtr lie() {
    if (random_.chance(0.02)) return nullptr;
    return suspicion(number(), number(), random_.below(8));
  }
  Rumour rumour() { return random_.chance(0.5) ? Rumour{record()} : Rumour{lie()}; }

  Random random_;
};

}  // namespace

TEST_CASE("whatever a peer says, nothing breaks and nothing grows beyond its bounds") {
  swarm::test::for_seeds(40, [](std::uint64_t seed) {
    Random random(mix_seed(seed, 1));
    Babble babble(mix_seed(seed, 2));
    Rig rig(4, [](Options& options) { options.small_swarm = 20; });
    rig.link(100, 2);
    rig.link(101, 2);
    for (int i = 0; i < 400; ++i) {
      const auto peer = static_cast<std::uint32_t>(random.below(40));
      const std::uint64_t what = random.below(20);
      if (what == 0) rig.handle(LinkUp{node(peer), random.chance(0.5)});
      if (what == 1) rig.handle(LinkDown{node(peer), random.chance(0.5)});
      if (what == 2) rig.handle(DialFailed{node(peer)});
      if (what == 3) rig.pass(std::chrono::seconds{random.below(5)}, {100, 101});
      if (what > 3) rig.say(peer, babble.message());
      for (const Dial& dial : rig.all_of<Dial>()) {
        const bool is_honest = dial.record->id == node(100) || dial.record->id == node(101);
        if (is_honest) rig.handle(LinkUp{dial.record->id, true});
      }
      for (const Send& send : rig.all_of<Send>()) {
        if (const auto* gossip = std::get_if<Gossip>(&send.message)) {
          REQUIRE(gossip->rumours.size() <= limits::kMaxRumours);
        }
        if (const auto* records = std::get_if<SyncRecords>(&send.message)) {
          REQUIRE(records->records.size() <= limits::kMaxSyncRecords);
        }
      }
      rig.forget();
    }
    REQUIRE(rig.status().dials <= limits::kMaxDials);
    REQUIRE(rig.status().remembered <= limits::kMaxRemembered);
    REQUIRE(std::string(rig.standing(100)) == "alive");
    REQUIRE(std::string(rig.standing(101)) == "alive");
  });
}

}  // namespace brigade::swarm::membership::test
