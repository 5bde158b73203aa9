#include "daemon/payload_store.hpp"

#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

TEST_CASE("a payload is held with its size and sender until it is released") {
  PayloadStore store;
  NodeId sender;
  sender.bytes[0] = 7;
  const swarm::Payload handle = store.add(make_activation(1, 2), sender);
  CHECK_FALSE(handle.is_empty());
  CHECK(handle.bytes == store.get(handle.id).bytes.size());
  CHECK(handle.checksum == store.get(handle.id).checksum);
  CHECK(store.origin(handle.id) == sender);
  CHECK(store.bytes() == handle.bytes);
  store.release(handle.id);
  CHECK(store.count() == 0);
  CHECK(store.bytes() == 0);
}

TEST_CASE("two payloads never share a name, not even after a release") {
  PayloadStore store;
  const auto first = store.add(make_gradient(1));
  store.release(first.id);
  CHECK(store.add(make_gradient(1)).id != first.id);
}

TEST_CASE("bytes in use elsewhere outlive their release") {
  PayloadStore store;
  const auto handle = store.add(make_gradient(5));
  const PayloadData in_use = store.get(handle.id);
  store.release(handle.id);
  CHECK(first_element(in_use) == 5);
}

}  // namespace
}  // namespace brigade::daemon::testing
