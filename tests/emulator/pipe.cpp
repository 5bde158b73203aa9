#include "tests/emulator/pipe.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

namespace brigade::emulator {

namespace {

Duration time_for(std::uint64_t bytes, double bits_per_s) {
  const std::chrono::duration<double> seconds(static_cast<double>(bytes) * 8 / bits_per_s);
  return std::chrono::duration_cast<Duration>(seconds);
}

}  // namespace

void Pipe::reshape(TimePoint now, const Shape& shape) {
  drain(now);
  shape_ = shape;
  reshaped_at_ = now;
  held_until_ = {};
  if (shape_.is_cut) lose_everything();
  drain(now);
}

void Pipe::lose_everything() {
  counters_.cut += queue_.size() + flying_.size();
  queue_.clear();
  flying_.clear();
  queued_bytes_ = flying_bytes_ = 0;
}

void Pipe::offer(TimePoint now, Packet packet) {
  drain(now);
  const std::uint64_t size = packet.size();
  ++counters_.packets;
  counters_.bytes += size;
  if (shape_.is_cut) {
    ++counters_.cut;
    return;
  }
  if (random_.chance(shape_.loss_ratio)) {
    ++counters_.lost;
    return;
  }
  const bool fits = queue_.empty() || queued_bytes_ + size <= shape_.queue_bytes;
  if (!fits || queued_bytes_ + flying_bytes_ + size > kMaxHeldBytes) {
    ++counters_.overflowed;
    return;
  }
  queue_.push_back({now, std::move(packet)});
  queued_bytes_ += size;
  drain(now);
  counters_.queue_peak_bytes = std::max(counters_.queue_peak_bytes, queued_bytes_);
}

TimePoint Pipe::departure_of_first() const {
  const Queued& first = queue_.front();
  if (shape_.rate_bits_per_s <= 0) return std::max(first.arrived, reshaped_at_);
  // A line that was idle has saved up one bucket, no more.
  const Duration saved = time_for(shape_.burst_bytes, shape_.rate_bits_per_s);
  const TimePoint start = std::max(line_free_at_, first.arrived - saved);
  return std::max(first.arrived, start + time_for(first.packet.size(), shape_.rate_bits_per_s));
}

void Pipe::drain(TimePoint now) {
  while (!queue_.empty()) {
    const TimePoint departs = departure_of_first();
    if (departs > now) return;
    Queued first = std::move(queue_.front());
    queue_.pop_front();
    const std::uint64_t size = first.packet.size();
    queued_bytes_ -= size;
    if (shape_.rate_bits_per_s > 0) {
      const Duration saved = time_for(shape_.burst_bytes, shape_.rate_bits_per_s);
      line_free_at_ =
          std::max(line_free_at_, first.arrived - saved) + time_for(size, shape_.rate_bits_per_s);
    }
    depart(departs, std::move(first.packet));
  }
}

void Pipe::depart(TimePoint when, Packet packet) {
  TimePoint arrives = when + draw_delay(when);
  if (!shape_.reorders) arrives = std::max(arrives, last_arrival_);
  last_arrival_ = std::max(last_arrival_, arrives);
  flying_bytes_ += packet.size();
  if (random_.chance(shape_.duplicate_ratio)) {
    ++counters_.duplicated;
    flying_bytes_ += packet.size();
    flying_.emplace(std::pair(arrives, next_number_++), packet);
  }
  flying_.emplace(std::pair(arrives, next_number_++), std::move(packet));
}

Duration Pipe::draw_delay(TimePoint when) {
  if (shape_.jitter == Jitter::kNone) return shape_.delay;
  if (when < held_until_) return held_delay_;
  const double delay = static_cast<double>(shape_.delay.count());
  double drawn = 0;
  if (shape_.jitter == Jitter::kUniform) {
    drawn = delay * (0.5 + 1.5 * random_.uniform());
  } else {
    drawn = std::max(0.0, delay + draw_normal() * static_cast<double>(shape_.deviation.count()));
  }
  held_delay_ = Duration(static_cast<Duration::rep>(drawn));
  held_until_ = when + shape_.hold;
  return held_delay_;
}

/// Box and Muller: the standard library's distributions differ between machines.
double Pipe::draw_normal() {
  const double radius = std::sqrt(-2 * std::log(1 - random_.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random_.uniform());
}

std::optional<Packet> Pipe::poll(TimePoint now) {
  drain(now);
  if (flying_.empty() || flying_.begin()->first.first > now) return std::nullopt;
  const auto first = flying_.begin();
  const Duration late = now - first->first.first;
  counters_.late_sum += late;
  counters_.late_max = std::max(counters_.late_max, late);
  Packet packet = std::move(first->second);
  flying_.erase(first);
  flying_bytes_ -= packet.size();
  ++counters_.delivered_packets;
  counters_.delivered_bytes += packet.size();
  return packet;
}

TimePoint Pipe::next_wakeup() const {
  TimePoint due = kNever;
  if (!queue_.empty()) due = departure_of_first();
  if (!flying_.empty()) due = std::min(due, flying_.begin()->first.first);
  return due;
}

}  // namespace brigade::emulator
