#include "sim/link.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.hpp"

namespace brigade::sim {
namespace {

constexpr std::uint64_t kPartBytes = 256 * 1024;  // daemon/send_queue.hpp
constexpr std::uint64_t kNanosecondsASecond = 1'000'000'000;

Duration scaled(Duration duration, double factor) {
  if (factor == 1) return duration;
  return Duration{static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor)};
}

}  // namespace

void Link::break_stream() {
  is_connected_ = false;
  ++generation_;
  for (Pipe& pipe : pipes_) {
    lost_ += pipe.in_flight.size();
    pipe.in_flight.clear();
    for (auto& lane : pipe.lanes) {
      lost_ += lane.size();
      lane.clear();
    }
    pipe.on_wire.reset();
    pipe.is_due = false;
    pipe.last_arrival = pipe.busy_until = {};
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

Link::Lane Link::lane_of(const swarm::Message& message) {
  if (std::holds_alternative<swarm::Forward>(message)) return kActivation;
  if (std::holds_alternative<swarm::Backward>(message)) return kGradient;
  const auto* query = std::get_if<swarm::Query>(&message);
  if (query == nullptr) return kControl;
  // Behind the bytes that it asks about: else the answer would be wrong.
  return query->direction == swarm::Direction::kForward ? kActivation : kGradient;
}

Link::Schedule Link::send(TimePoint now, std::uint32_t from_end, swarm::Message message,
                          std::uint64_t bytes) {
  const End& end = ends_[from_end];
  Pipe& pipe = pipes_[from_end];
  const bool reaches_stream = is_connected_ && end.is_up && end.generation == generation_;
  if (!reaches_stream || is_silent_[from_end] ||
      (model_.loss > 0 && pipe.random.chance(model_.loss))) {
    ++lost_;
    return {};
  }
  const bool comes_twice = model_.duplicate > 0 && pipe.random.chance(model_.duplicate);
  if (comes_twice) ++duplicated_;
  if (model_.bytes_per_second == 0) {
    return {std::nullopt, fly(now, from_end, std::move(message), comes_twice)};
  }
  const bool is_alone = !pipe.is_due && now >= pipe.busy_until && bytes <= kPartBytes;
  if (is_alone) {  // nothing to take turns with: it has left before anybody can look
    pipe.busy_until = now + wire_time(bytes);
    return {std::nullopt, fly(pipe.busy_until, from_end, std::move(message), comes_twice)};
  }
  const Lane lane = lane_of(message);
  pipe.lanes[lane].push_back({std::move(message), bytes, comes_twice});
  if (pipe.is_due) return {};
  pipe.is_due = true;
  if (now < pipe.busy_until) return {pipe.busy_until, std::nullopt};
  return {start_part(now, pipe), std::nullopt};
}

Link::Schedule Link::on_wire_free(TimePoint now, std::uint32_t from_end) {
  Pipe& pipe = pipes_[from_end];
  if (!pipe.on_wire) return {start_part(now, pipe), std::nullopt};
  auto& lane = pipe.lanes[*pipe.on_wire];
  Waiting& waiting = lane.front();
  waiting.bytes_left -= pipe.part_bytes;
  Schedule schedule;
  if (waiting.bytes_left == 0) {
    schedule.arrival = fly(now, from_end, std::move(waiting.message), waiting.comes_twice);
    lane.pop_front();
  }
  pipe.on_wire.reset();
  schedule.wire = start_part(now, pipe);
  return schedule;
}

std::optional<TimePoint> Link::start_part(TimePoint now, Pipe& pipe) {
  for (const Lane lane : {kControl, kGradient, kActivation}) {
    if (pipe.lanes[lane].empty()) continue;
    pipe.on_wire = lane;
    pipe.part_bytes = std::min(pipe.lanes[lane].front().bytes_left, kPartBytes);
    return now + wire_time(pipe.part_bytes);
  }
  pipe.is_due = false;
  return std::nullopt;
}

Duration Link::wire_time(std::uint64_t bytes) const {
  return scaled(
      Duration{static_cast<Duration::rep>(bytes * kNanosecondsASecond / model_.bytes_per_second)},
      narrower_);
}

TimePoint Link::after_stall(TimePoint now, Pipe& pipe) {
  if (model_.between_stalls.base <= Duration::zero()) return now;
  while (now >= pipe.stall_end) {
    pipe.stall_begin = pipe.stall_end + model_.between_stalls.sample(pipe.random);
    pipe.stall_end = pipe.stall_begin + model_.stall.sample(pipe.random);
  }
  return now < pipe.stall_begin ? now : pipe.stall_end;
}

std::optional<TimePoint> Link::fly(TimePoint now, std::uint32_t from_end, swarm::Message message,
                                   bool comes_twice) {
  Pipe& pipe = pipes_[from_end];
  const Duration way = scaled(model_.latency.sample(pipe.random), longer_);
  const TimePoint arrival =
      std::max({after_stall(now, pipe) + way, pipe.last_arrival, ends_[1 - from_end].up_at});
  pipe.last_arrival = arrival;
  const bool was_empty = pipe.in_flight.empty();
  if (comes_twice) pipe.in_flight.push_back({arrival, message});
  pipe.in_flight.push_back({arrival, std::move(message)});
  return was_empty ? std::optional{arrival} : std::nullopt;
}

swarm::Message Link::deliver(std::uint32_t from_end, std::optional<TimePoint>& next) {
  Pipe& pipe = pipes_[from_end];
  BRIGADE_CHECK(!pipe.in_flight.empty());
  swarm::Message message = std::move(pipe.in_flight.front().message);
  pipe.in_flight.pop_front();
  next = pipe.in_flight.empty() ? std::nullopt : std::optional{pipe.in_flight.front().at};
  return message;
}

void Link::set_slowness(double narrower, double longer) {
  narrower_ = narrower;
  longer_ = longer;
}

void Link::set_lossless() {
  model_.loss = 0;
  model_.duplicate = 0;
  is_silent_ = {};
}

}  // namespace brigade::sim
