#include "sim/link.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace brigade::sim {

void Link::break_stream() {
  is_connected_ = false;
  ++generation_;
  for (Pipe& pipe : pipes_) {
    lost_ += pipe.queue.size();
    pipe.queue.clear();
    pipe.wire_is_free = {};
    pipe.last_arrival = {};
  }
}

bool Link::take_down(std::uint32_t which, std::uint32_t generation) {
  End& end = ends_[which];
  if (!end.is_up || end.generation != generation) return false;
  end.is_up = false;
  return true;
}

std::optional<std::array<TimePoint, 2>> Link::connect(TimePoint now) {
  if (is_connected_ || ends_[0].is_up || ends_[1].is_up) return std::nullopt;
  is_connected_ = true;
  ++generation_;
  for (End& end : ends_) end.up_at = now + model_.redial.sample(random_);
  return std::array{ends_[0].up_at, ends_[1].up_at};
}

bool Link::bring_up(std::uint32_t which, std::uint32_t generation) {
  if (!is_connected_ || generation != generation_) return false;
  ends_[which].is_up = true;
  ends_[which].generation = generation;
  return true;
}

std::optional<TimePoint> Link::send(TimePoint now, std::uint32_t from_end, swarm::Message message,
                                    std::uint64_t bytes) {
  const End& end = ends_[from_end];
  Pipe& pipe = pipes_[from_end];
  const bool reaches_stream = is_connected_ && end.is_up && end.generation == generation_;
  if (!reaches_stream || is_silent_ || (model_.loss > 0 && pipe.random.chance(model_.loss))) {
    ++lost_;
    return std::nullopt;
  }
  pipe.wire_is_free = std::max(pipe.wire_is_free, now);
  if (model_.bytes_per_second > 0) {
    const auto nanoseconds = static_cast<Duration::rep>(static_cast<Uint128>(bytes) *
                                                        1'000'000'000u / model_.bytes_per_second);
    pipe.wire_is_free += Duration{nanoseconds};
  }
  const TimePoint arrival = std::max({pipe.wire_is_free + model_.latency.sample(pipe.random),
                                      pipe.last_arrival, ends_[1 - from_end].up_at});
  pipe.last_arrival = arrival;
  const bool was_empty = pipe.queue.empty();
  if (model_.duplicate > 0 && pipe.random.chance(model_.duplicate)) {
    ++duplicated_;
    pipe.queue.push_back({arrival, message});
  }
  pipe.queue.push_back({arrival, std::move(message)});
  return was_empty ? std::optional{arrival} : std::nullopt;
}

swarm::Message Link::deliver(std::uint32_t from_end, std::optional<TimePoint>& next) {
  Pipe& pipe = pipes_[from_end];
  BRIGADE_CHECK(!pipe.queue.empty());
  swarm::Message message = std::move(pipe.queue.front().message);
  pipe.queue.pop_front();
  next = pipe.queue.empty() ? std::nullopt : std::optional{pipe.queue.front().at};
  return message;
}

void Link::set_lossless() {
  model_.loss = 0;
  model_.duplicate = 0;
  is_silent_ = false;
}

}  // namespace brigade::sim
