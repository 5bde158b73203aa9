// The record of a run: a hash over every event and action, and the last ones in readable form.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swarm/action.hpp"
#include "swarm/event.hpp"

namespace brigade::sim {

/// One event or action in a fixed size; what two fields mean depends on `name`.
struct TraceRecord {
  TimePoint at;
  std::uint32_t host = 0;
  bool is_action = false;
  const char* name = "";    // a literal
  const char* detail = "";  // a literal
  std::uint64_t code = 0;   // tells kinds of events and actions apart in the hash
  MicrobatchId id;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

TraceRecord to_record(const swarm::Event& event);
TraceRecord to_record(const swarm::Action& action);
/// "   1.204310 s  stage 3  ← Forward 1/0/17  attempt 2, payload 118"
std::string to_string(const TraceRecord& record);

class Trace {
 public:
  /// `live` also gets each line as it happens, where it is not null.
  explicit Trace(std::FILE* live) : live_(live) {}

  void add(TimePoint at, std::uint32_t host, const swarm::Event& event) {
    add(at, host, to_record(event));
  }
  void add(TimePoint at, std::uint32_t host, const swarm::Action& action) {
    add(at, host, to_record(action));
  }
  /// What the world does to a host: crash, restart, a broken link.
  void note(TimePoint at, std::uint32_t host, const char* what, std::uint64_t argument);

  std::uint64_t hash() const { return hash_; }
  std::string tail() const;

 private:
  static constexpr std::size_t kLines = 60;

  void add(TimePoint at, std::uint32_t host, TraceRecord record);
  void mix(std::uint64_t value) { hash_ = (hash_ ^ mix64(value)) * 0x9fb21c651e98df25ULL; }

  std::array<TraceRecord, kLines> ring_{};
  std::uint64_t count_ = 0;
  std::uint64_t hash_ = 0x6a09e667f3bcc908ULL;
  std::FILE* live_;
};

}  // namespace brigade::sim
