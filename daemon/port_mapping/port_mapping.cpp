#include "daemon/port_mapping/port_mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace brigade::daemon {

namespace {

constexpr std::uint32_t kOctets = 4;

/// Of a router that is itself behind another one: RFC 1918, and RFC 6598 for providers.
bool is_private(const std::string& host) {
  std::uint32_t octets[kOctets] = {};
  std::size_t at = 0;
  for (const char c : host) {
    if (c == '.' && at + 1 < kOctets) {
      ++at;
    } else if (c >= '0' && c <= '9' && octets[at] < 256) {
      octets[at] = octets[at] * 10 + static_cast<std::uint32_t>(c - '0');
    } else {
      return false;
    }
  }
  if (at + 1 != kOctets) return false;
  return octets[0] == 10 || (octets[0] == 192 && octets[1] == 168) ||
         (octets[0] == 172 && octets[1] / 16 == 1) || (octets[0] == 100 && octets[1] / 64 == 1);
}

std::string describe(const MappedPort& mapped, const char* by) {
  const bool is_inner = is_private(mapped.external_host);
  return fmt::format(
      "port {}{} by {}{}", mapped.external,
      mapped.external_host.empty() ? "" : " of " + mapped.external_host, by,
      is_inner ? ", but that router is behind another one: open the port there too" : "");
}

}  // namespace

PortMapping::PortMapping(std::uint16_t port, std::vector<std::unique_ptr<Gateway>> gateways,
                         std::function<void(const PortMappingNews&)> on_change)
    : port_(port),
      gateways_(std::move(gateways)),
      on_change_(std::move(on_change)),
      thread_([this] { run(); }) {}

PortMapping::~PortMapping() {
  stop();
  thread_.join();
}

void PortMapping::stop() {
  const std::lock_guard lock(mutex_);
  is_stopped_ = true;
  changed_.notify_all();
}

void PortMapping::run() {
  while (true) {
    const std::chrono::seconds pause = ask_all();
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, pause, [this] { return is_stopped_; })) break;
  }
  if (mapped_) mapped_by_->unmap(port_, *mapped_);
}

std::chrono::seconds PortMapping::ask_all() {
  const std::uint16_t wanted = mapped_ ? mapped_->external : port_;
  std::string failures;
  for (const auto& gateway : gateways_) {
    {
      const std::lock_guard lock(mutex_);
      if (is_stopped_) return kRetry;
    }
    auto mapped = gateway->map(port_, wanted);
    if (mapped.has_error()) {
      failures += fmt::format("{}{}: {}", failures.empty() ? "" : "; ", gateway->name(),
                              mapped.error().message);
      continue;
    }
    mapped_by_ = gateway.get();
    const auto half = mapped->lifetime / 2;
    tell(*mapped, describe(*mapped, gateway->name()));
    return half.count() == 0 ? kMostRenewal : std::clamp(half, kLeastRenewal, kMostRenewal);
  }
  mapped_by_ = nullptr;
  tell(std::nullopt, "none: " + failures);
  return kRetry;
}

void PortMapping::tell(std::optional<MappedPort> mapped, std::string what) {
  const bool is_news = mapped_ != mapped || told_ != what;
  mapped_ = std::move(mapped);
  told_ = std::move(what);
  const std::lock_guard lock(mutex_);
  if (is_news && !is_stopped_) on_change_({mapped_, told_});
}

}  // namespace brigade::daemon
