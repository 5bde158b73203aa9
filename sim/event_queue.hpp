// What is due, in the order of virtual time; what is due at the same instant, in the order in
// which it was scheduled. A 4-ary heap: with thousands of nodes its levels stay in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.hpp"
#include "base/time.hpp"

namespace brigade::sim {

enum class DueKind : std::uint8_t {
  kStart,     // target: host
  kWake,      // target: host; the core's next_wakeup()
  kCompute,   // target: host; its device has finished
  kDisk,      // target: host; its oldest write has finished
  kWire,      // target: 2·link + direction; a part of a message has left
  kDeliver,   // target: 2·link + direction; its oldest message arrives
  kLinkUp,    // target: 2·link + end
  kLinkDown,  // target: 2·link + end
  kFault,     // target: index in the scenario's timeline
  kFaultEnd,  // target: index in the scenario's timeline
  kHeal,      // every fault ends
  kGiveUp,    // target: host; it stands still, and its peers notice
  kSample,    // somebody looks how far all have come
};

struct Due {
  TimePoint at;
  std::uint64_t order = 0;
  std::uint32_t target = 0;
  std::uint32_t stamp = 0;  // of the target's life when this was scheduled: else it is stale
  DueKind kind = DueKind::kWake;
};

class EventQueue {
 public:
  void push(TimePoint at, DueKind kind, std::uint32_t target, std::uint32_t stamp) {
    heap_.push_back({at, next_order_++, target, stamp, kind});
    sift_up(heap_.size() - 1);
  }
  bool is_empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }

  Due pop() {
    BRIGADE_CHECK(!heap_.empty());
    const Due top = heap_.front();
    heap_.front() = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down();
    return top;
  }

 private:
  static constexpr std::size_t kArity = 4;

  static bool is_before(const Due& a, const Due& b) {
    return a.at != b.at ? a.at < b.at : a.order < b.order;
  }
  void sift_up(std::size_t child) {
    const Due moving = heap_[child];
    while (child > 0) {
      const std::size_t parent = (child - 1) / kArity;
      if (!is_before(moving, heap_[parent])) break;
      heap_[child] = heap_[parent];
      child = parent;
    }
    heap_[child] = moving;
  }
  void sift_down() {
    const Due moving = heap_.front();
    std::size_t parent = 0;
    while (true) {
      const std::size_t first = parent * kArity + 1;
      if (first >= heap_.size()) break;
      std::size_t least = first;
      const std::size_t end = first + kArity < heap_.size() ? first + kArity : heap_.size();
      for (std::size_t child = first + 1; child < end; ++child) {
        if (is_before(heap_[child], heap_[least])) least = child;
      }
      if (!is_before(heap_[least], moving)) break;
      heap_[parent] = heap_[least];
      parent = least;
    }
    heap_[parent] = moving;
  }

  std::vector<Due> heap_;
  std::uint64_t next_order_ = 0;
};

}  // namespace brigade::sim
