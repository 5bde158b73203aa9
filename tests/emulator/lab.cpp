#include "tests/emulator/lab.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.hpp"

namespace brigade::emulator {

namespace {

constexpr std::uint32_t kNetwork = (10u << 24) | (77u << 16);
constexpr std::size_t kDestinationAt = 16;  // of the address in an IPv4 header
constexpr std::size_t kHeaderBytes = 20;

/// The node that a packet is for.
std::optional<std::size_t> receiver_of(const Packet& packet, std::size_t nodes) {
  if (packet.size() < kHeaderBytes || (packet[0] >> 4) != std::byte{4}) return std::nullopt;
  std::uint32_t address = 0;
  for (std::size_t i = 0; i < 4; ++i)
    address = (address << 8) | std::to_integer<std::uint32_t>(packet[kDestinationAt + i]);
  if (address <= kNetwork || address > kNetwork + nodes) return std::nullopt;
  return address - kNetwork - 1;
}

double in_ms(Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

std::uint32_t ipv4_of(std::size_t node) {
  return kNetwork + 1 + static_cast<std::uint32_t>(node);
}

std::string address_of(std::size_t node) {
  return fmt::format("10.77.0.{}", node + 1);
}

Lab::Lab(std::vector<std::string> nodes, std::uint64_t seed, TimePoint start)
    : nodes_(std::move(nodes)), start_(start) {
  BRIGADE_CHECK(nodes_.size() <= kMaxNodes);
  for (std::size_t from = 0; from < nodes_.size(); ++from) {
    for (std::size_t to = 0; to < nodes_.size(); ++to)
      pipes_.emplace_back(mix_seed(seed, from, to));
  }
}

Result<std::vector<std::size_t>> Lab::match(const std::string& name) const {
  std::vector<std::size_t> found;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (name == "*" || name == nodes_[node]) found.push_back(node);
  }
  if (found.empty())
    return make_error(ErrorCode::kBadInput, fmt::format("{}: there is no node of that name", name));
  return found;
}

Result<> Lab::submit(TimePoint now, const Command& command) {
  BRIGADE_TRY(match(command.from));
  BRIGADE_TRY(match(command.to));
  if (!command.at) {
    apply(now, command);
    return {};
  }
  if (pending_.size() >= kMaxPendingCommands)
    return make_error(ErrorCode::kLimit, "too many commands wait for their time");
  pending_.emplace(start_ + *command.at, command);
  return {};
}

void Lab::apply(TimePoint now, const Command& command) {
  for (const std::size_t from : match(command.from).value()) {
    for (const std::size_t to : match(command.to).value()) {
      if (from == to) continue;
      apply(now, command, pipe(from, to));
      if (!command.is_one_way) apply(now, command, pipe(to, from));
    }
  }
}

void Lab::apply(TimePoint now, const Command& command, Pipe& pipe) {
  Shape shape = pipe.shape();
  if (command.kind == Command::Kind::kLink) {
    const Result<> changed = change(shape, command.settings);
    BRIGADE_CHECK(changed.has_value(), "a command that was parsed does not apply");
  } else {
    shape.is_cut = command.kind == Command::Kind::kPartition;
  }
  if (shape != pipe.shape()) pipe.reshape(now, shape);
}

void Lab::run_due_commands(TimePoint now) {
  while (!pending_.empty() && pending_.begin()->first <= now) {
    apply(now, pending_.begin()->second);
    pending_.erase(pending_.begin());
  }
}

void Lab::offer(TimePoint now, std::size_t from, Packet packet) {
  run_due_commands(now);
  const auto to = receiver_of(packet, nodes_.size());
  if (!to || *to == from) {
    ++strays_;
    return;
  }
  pipe(from, *to).offer(now, std::move(packet));
}

std::optional<Lab::Arrival> Lab::poll(TimePoint now) {
  run_due_commands(now);
  for (std::size_t index = 0; index < pipes_.size(); ++index) {
    if (pipes_[index].next_wakeup() > now) continue;
    if (auto packet = pipes_[index].poll(now))
      return Arrival{index % nodes_.size(), std::move(*packet)};
  }
  return std::nullopt;
}

TimePoint Lab::next_wakeup() const {
  TimePoint due = pending_.empty() ? kNever : pending_.begin()->first;
  for (const Pipe& pipe : pipes_) due = std::min(due, pipe.next_wakeup());
  return due;
}

std::vector<std::string> Lab::counters() const {
  std::vector<std::string> lines;
  for (std::size_t index = 0; index < pipes_.size(); ++index) {
    const Counters& count = pipes_[index].counters();
    if (count.packets == 0) continue;
    const double polled = static_cast<double>(std::max<std::uint64_t>(1, count.delivered_packets));
    lines.push_back(fmt::format(
        "pair {}>{} packets {} bytes {} delivered_packets {} delivered_bytes {} lost {} cut {} "
        "overflowed {} duplicated {} queue_peak_bytes {} late_mean_ms {:.3f} late_max_ms {:.3f}",
        nodes_[index / nodes_.size()], nodes_[index % nodes_.size()], count.packets, count.bytes,
        count.delivered_packets, count.delivered_bytes, count.lost, count.cut, count.overflowed,
        count.duplicated, count.queue_peak_bytes, in_ms(count.late_sum) / polled,
        in_ms(count.late_max)));
  }
  lines.push_back(fmt::format("strays {}", strays_));
  return lines;
}

}  // namespace brigade::emulator
