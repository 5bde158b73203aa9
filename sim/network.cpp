#include "sim/network.hpp"

#include <utility>
#include <variant>

namespace brigade::sim {
namespace {

constexpr std::uint64_t kMessageBytes = 96;  // header of a message on the wire

std::uint64_t bytes_of(const swarm::Message& message) {
  if (const auto* forward = std::get_if<swarm::Forward>(&message)) {
    return kMessageBytes + forward->payload.bytes;
  }
  if (const auto* backward = std::get_if<swarm::Backward>(&message)) {
    return kMessageBytes + backward->payload.bytes;
  }
  return kMessageBytes;
}

}  // namespace

Network::Network(const Scenario& scenario, std::uint64_t seed, EventQueue& queue)
    : queue_(queue), is_alive_(scenario.stages, false) {
  for (std::uint32_t index = 0; index + 1 < scenario.stages; ++index) {
    LinkModel model = scenario.link;
    for (const auto& [link, other] : scenario.other_links) {
      if (link == index) model = other;
    }
    lines_.push_back({Link(model, index, index + 1, mix_seed(seed, index))});
  }
}

bool Network::send(TimePoint now, std::uint32_t from, std::uint32_t to, swarm::Message message) {
  const bool is_next = to == from + 1;
  if (to >= is_alive_.size() || (!is_next && to + 1 != from)) return false;
  const std::uint32_t index = is_next ? from : to;
  const std::uint32_t end = is_next ? 0 : 1;
  Link& link = lines_[index].link;
  const std::uint64_t bytes = bytes_of(message);
  schedule(link.send(now, end, std::move(message), bytes), 2 * index + end);
  return true;
}

void Network::schedule(const Link::Schedule& schedule, std::uint32_t pipe) {
  const std::uint32_t generation = lines_[pipe / 2].link.generation();
  if (schedule.wire) queue_.push(*schedule.wire, DueKind::kWire, pipe, generation);
  if (schedule.arrival) queue_.push(*schedule.arrival, DueKind::kDeliver, pipe, generation);
}

void Network::on_wire_free(const Due& due) {
  Link& link = lines_[due.target / 2].link;
  if (due.stamp != link.generation()) return;
  schedule(link.on_wire_free(due.at, due.target % 2), due.target);
}

std::optional<Network::Arrival> Network::deliver(const Due& due) {
  Link& link = lines_[due.target / 2].link;
  if (due.stamp != link.generation()) return std::nullopt;
  const std::uint32_t end = due.target % 2;
  std::optional<TimePoint> next;
  Arrival arrival{link.end(end).host, link.end(1 - end).host, link.deliver(end, next)};
  if (next) queue_.push(*next, DueKind::kDeliver, due.target, link.generation());
  return arrival;
}

std::optional<Network::Change> Network::bring_up(const Due& due) {
  Link& link = lines_[due.target / 2].link;
  const std::uint32_t end = due.target % 2;
  if (!link.bring_up(end, due.stamp)) return std::nullopt;
  return Change{link.end(end).host, link.end(1 - end).host};
}

std::optional<Network::Change> Network::take_down(const Due& due) {
  Link& link = lines_[due.target / 2].link;
  const std::uint32_t end = due.target % 2;
  if (!link.take_down(end, due.stamp)) return std::nullopt;
  settle(due.at, due.target / 2);
  return Change{link.end(end).host, link.end(1 - end).host};
}

void Network::set_alive(TimePoint now, std::uint32_t host, bool is_alive) {
  is_alive_[host] = is_alive;
  for (std::uint32_t end = 0; end < 2; ++end) {  // of the link to the next host, then before
    const std::uint32_t index = host - end;      // wraps around at the head: no such link
    if (index >= lines_.size()) continue;
    if (!is_alive) lines_[index].link.drop_end(end);
    settle(now, index);
  }
}

void Network::set_broken(TimePoint now, std::uint32_t link, bool is_broken) {
  lines_[link].is_broken = is_broken;
  settle(now, link);
}

void Network::heal(TimePoint now) {
  for (std::uint32_t index = 0; index < lines_.size(); ++index) {
    lines_[index].link.set_lossless();
    lines_[index].link.set_slowness(1, 1);
    set_broken(now, index, false);
  }
}

void Network::settle(TimePoint now, std::uint32_t index) {
  Line& line = lines_[index];
  Link& link = line.link;
  const bool is_intact = !line.is_broken && is_alive_[index] && is_alive_[index + 1];
  if (line.is_intact && !is_intact) {
    link.break_stream();
    for (std::uint32_t end = 0; end < 2; ++end) {
      if (!link.end(end).is_up) continue;
      queue_.push(now + link.sample_detection(), DueKind::kLinkDown, 2 * index + end,
                  link.end(end).generation);
    }
  }
  line.is_intact = is_intact;
  if (!is_intact) return;
  const auto up_at = link.connect(now);
  if (!up_at) return;
  for (std::uint32_t end = 0; end < 2; ++end) {
    queue_.push((*up_at)[end], DueKind::kLinkUp, 2 * index + end, link.generation());
  }
}

std::uint64_t Network::lost() const {
  std::uint64_t sum = 0;
  for (const Line& line : lines_) sum += line.link.lost();
  return sum;
}

std::uint64_t Network::duplicated() const {
  std::uint64_t sum = 0;
  for (const Line& line : lines_) sum += line.link.duplicated();
  return sum;
}

}  // namespace brigade::sim
