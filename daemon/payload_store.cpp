#include "daemon/payload_store.hpp"

#include <string>
#include <utility>

#include "base/check.hpp"

namespace brigade::daemon {

swarm::Payload PayloadStore::add(PayloadData data, const NodeId& from) {
  const PayloadId id = next_;
  next_ = next_.next();
  const swarm::Payload handle{id, data.bytes.size(), data.checksum};
  bytes_ += handle.bytes;
  entries_.emplace(id, Entry{std::move(data), from});
  return handle;
}

const PayloadStore::Entry& PayloadStore::entry(PayloadId id) const {
  const auto found = entries_.find(id);
  BRIGADE_CHECK(found != entries_.end(),
                "payload " + std::to_string(id.value()) + " was released or never named");
  return found->second;
}

const PayloadData& PayloadStore::get(PayloadId id) const {
  return entry(id).data;
}

const NodeId& PayloadStore::origin(PayloadId id) const {
  return entry(id).from;
}

void PayloadStore::release(PayloadId id) {
  bytes_ -= entry(id).data.bytes.size();
  entries_.erase(id);
}

}  // namespace brigade::daemon
