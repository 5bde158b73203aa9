#include "daemon/discovery/discovery.hpp"

namespace brigade::daemon {

bool has_dht() {
  return false;
}

Result<std::unique_ptr<Discovery>> make_dht(const DhtOptions&) {
  return make_error(ErrorCode::kUnavailable,
                    "built without OpenDHT: install libopendht-dev and build again");
}

}  // namespace brigade::daemon
