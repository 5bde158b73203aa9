// The bytes behind the core's payload handles.
//
// Every payload that enters the core (from a peer or from the compute engine) is named here, and
// the core says exactly once when it is no longer needed. Whoever still works on the bytes (gRPC,
// the compute thread) holds its own reference to the slice, so a release never pulls memory away.
// Threading: core strand only. A second release, or one of an unknown payload, is a bug of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/ids.hpp"
#include "daemon/payload.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

class PayloadStore {
 public:
  /// `from` is the peer that sent the bytes; zero: made here.
  swarm::Payload add(PayloadData data, const NodeId& from = {});
  const PayloadData& get(PayloadId id) const;
  const NodeId& origin(PayloadId id) const;
  void release(PayloadId id);

  std::size_t count() const { return entries_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    PayloadData data;
    NodeId from;
  };
  const Entry& entry(PayloadId id) const;

  PayloadId next_{1};  // zero means: no payload
  std::uint64_t bytes_ = 0;
  std::unordered_map<PayloadId, Entry> entries_;
};

}  // namespace brigade::daemon
