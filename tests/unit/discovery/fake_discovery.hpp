// A place that is a vector: what was left there, and what a search is told.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "daemon/discovery/discovery.hpp"

namespace brigade::daemon {

/// Kept apart from what the notice board owns, so that the test sees it afterwards.
struct FakePlace {
  std::vector<std::string> left;   // published, in order
  std::vector<std::string> there;  // told to whoever searches
  std::vector<std::string> asked_nodes;
  std::vector<std::string> nodes = {"192.0.2.1:7070"};
  std::size_t searches = 0;
  std::size_t good_nodes = 0;
};

class FakeDiscovery final : public Discovery {
 public:
  explicit FakeDiscovery(FakePlace& place) : place_(place) {}
  void add_nodes(const std::vector<std::string>& addresses) override {
    place_.asked_nodes.insert(place_.asked_nodes.end(), addresses.begin(), addresses.end());
  }
  void publish(const std::string& value) override { place_.left.push_back(value); }
  void find(std::function<void(std::string value)> found) override {
    ++place_.searches;
    for (const std::string& value : place_.there) found(value);
  }
  std::vector<std::string> nodes() const override { return place_.nodes; }
  DiscoveryStatus status() const override {
    return {.nodes = place_.good_nodes, .published = place_.left.size()};
  }

 private:
  FakePlace& place_;
};

}  // namespace brigade::daemon
