// Where the members of a swarm find each other when every address that one knows is dead: a place
// that all of them know how to find, and that belongs to none. What is found there anybody may have
// put: nothing of it is believed before it is checked (notice_board.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "trust/sealed.hpp"

namespace brigade::daemon {

struct DiscoveryStatus {
  std::size_t nodes = 0;          // of the DHT that answer this one
  std::uint64_t published = 0;    // times that another node took it
  std::uint64_t unpublished = 0;  // and times that none did
  std::uint64_t found = 0;        // values handed on
  std::uint64_t dropped = 0;      // too large, or beyond kMostFound
};

class Discovery {
 public:
  static constexpr std::size_t kMaxValueBytes = limits::kMaxRecordBytes + trust::kSealBytes;
  static constexpr std::size_t kMostFound = 256;  // values of one search; the rest is dropped
  static constexpr std::size_t kMostNodes = 64;   // kept, and begun with
  /// After it a value is forgotten, unless it is published again.
  static constexpr std::chrono::minutes kExpiry{10};

  virtual ~Discovery() = default;

  /// HOST:PORT of nodes of the DHT, perhaps: they are asked. At most kMostNodes a call.
  virtual void add_nodes(const std::vector<std::string>& addresses) = 0;
  /// Leaves `value` at the meeting point. What was left before is not renewed any more.
  virtual void publish(const std::string& value) = 0;
  /// Whatever is at the meeting point, one by one, on a thread of the implementation; never after
  /// the end of this object.
  virtual void find(std::function<void(std::string value)> found) = 0;

  /// HOST:PORT of nodes that answer; at most kMostNodes.
  virtual std::vector<std::string> nodes() const = 0;
  virtual DiscoveryStatus status() const = 0;
};

struct DhtOptions {
  trust::MeetingPoint point;
  std::string listen;                  // HOST:PORT for UDP; port 0, or one that is taken: any free
  std::vector<std::string> bootstrap;  // HOST:PORT; tried again and again while there is no node
  std::size_t most_found = Discovery::kMostFound;
};

/// False: built without OpenDHT (cmake/FindOpenDHT.cmake).
bool has_dht();
/// kIo: no UDP port; kUnavailable: built without.
Result<std::unique_ptr<Discovery>> make_dht(const DhtOptions& options);

}  // namespace brigade::daemon
