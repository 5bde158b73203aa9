// Has the home's router pass this node's port on, for as long as the node runs.
//
// The gateways are asked in order until one gives a port; it is renewed after half of its lifetime,
// and taken back at the end. Where none does, all are asked again after kRetry: routers restart,
// and laptops change their networks. What came out is told to `on_change` when it is another than
// before.
// Threading: a thread of its own asks, since routers take their time; `on_change` is called on it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/time.hpp"
#include "daemon/port_mapping/gateway.hpp"

namespace brigade::daemon {

struct PortMappingNews {
  std::optional<MappedPort> mapped;
  std::string what;  // for people: "203.0.113.7:7070 by UPnP", or why there is none
};

class PortMapping {
 public:
  static constexpr std::chrono::seconds kRetry{600};
  static constexpr std::chrono::seconds kLeastRenewal{30};  // whatever lifetime a router names
  static constexpr std::chrono::seconds kMostRenewal{1'800};

  PortMapping(std::uint16_t port, std::vector<std::unique_ptr<Gateway>> gateways,
              std::function<void(const PortMappingNews&)> on_change);
  /// As stop(), and waits for what is under way: seconds at most.
  ~PortMapping();
  /// Begins to take the mapping back; nothing is told any more.
  void stop();

 private:
  void run();
  /// How long what came out holds.
  std::chrono::seconds ask_all();
  void tell(std::optional<MappedPort> mapped, std::string what);

  const std::uint16_t port_;
  std::vector<std::unique_ptr<Gateway>> gateways_;
  std::function<void(const PortMappingNews&)> on_change_;
  std::optional<MappedPort> mapped_;
  Gateway* mapped_by_ = nullptr;
  std::string told_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopped_ = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace brigade::daemon
