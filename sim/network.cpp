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
  if (const auto* share = std::get_if<swarm::Share>(&message)) {
    return kMessageBytes + share->payload.bytes;
  }
  return kMessageBytes;
}

}  // namespace

Network::Network(std::uint32_t hosts, const std::vector<Edge>& edges, std::uint64_t seed,
                 EventQueue& queue)
    : queue_(queue), seed_(seed), ports_(hosts), is_alive_(hosts, false), is_frozen_(hosts, false) {
  for (const Edge& edge : edges) attach(edge);
}

void Network::attach(const Edge& edge) {
  const auto& [a, b, model] = edge;
  const auto index = static_cast<std::uint32_t>(lines_.size());
  lines_.push_back({Link(model, a, b, mix_seed(seed_, index)), {a, b}});
  ports_[a].insert(ports_[a].begin(), Port{index, 0, b});
  ports_[b].insert(ports_[b].begin(), Port{index, 1, a});
}

std::uint32_t Network::add(TimePoint now, const Edge& edge) {
  attach(edge);
  const auto index = static_cast<std::uint32_t>(lines_.size() - 1);
  settle(now, index);
  return index;
}

const Network::Port* Network::find(std::uint32_t from, std::uint32_t to) const {
  if (from >= ports_.size()) return nullptr;
  for (const Port& port : ports_[from]) {
    if (port.peer == to) return &port;
  }
  return nullptr;
}

bool Network::send(TimePoint now, std::uint32_t from, std::uint32_t to, swarm::Message message) {
  const Port* port = find(from, to);
  if (port == nullptr) return false;
  Link& link = lines_[port->link].link;
  const std::uint64_t bytes = bytes_of(message);
  schedule(link.send(now, port->end, std::move(message), bytes), 2 * port->link + port->end);
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
  is_frozen_[host] = false;
  for (const Port& port : ports_[host]) {
    if (!is_alive) lines_[port.link].link.drop_end(port.end);
    settle(now, port.link);
  }
}

void Network::set_frozen(TimePoint now, std::uint32_t host, bool is_frozen) {
  is_frozen_[host] = is_frozen;
  for (const Port& port : ports_[host]) settle(now, port.link);
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
  bool is_intact = !line.is_broken;
  for (const std::uint32_t host : line.hosts) {
    is_intact = is_intact && is_alive_[host] && !is_frozen_[host];
  }
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
