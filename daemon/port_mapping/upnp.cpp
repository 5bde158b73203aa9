// UPnP's Internet Gateway Device by miniupnpc: SSDP to find the router, SOAP over HTTP to ask it.
#include <fmt/format.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#include <array>

#include "daemon/port_mapping/gateway.hpp"

namespace brigade::daemon {

namespace {

constexpr int kDiscoverLimitMs = 2'000;
constexpr unsigned char kHops = 2;  // as UPnP's device architecture has it
constexpr int kConnected = 1;       // UPNP_GetValidIGD
constexpr int kTaken = 718;         // ConflictInMappingEntry
constexpr int kOnlyForEver = 725;   // OnlyPermanentLeasesSupported
constexpr std::uint16_t kMostTries = 4;
constexpr const char* kDescription = "brigade";

Error unavailable(std::string why) {
  return make_error(ErrorCode::kUnavailable, std::move(why));
}

class Upnp final : public Gateway {
 public:
  explicit Upnp(std::string interface) : interface_(std::move(interface)) {}
  ~Upnp() override { forget(); }

  const char* name() const override { return "UPnP"; }

  Result<MappedPort> map(std::uint16_t port, std::uint16_t wanted) override {
    if (!has_router_) BRIGADE_TRY(discover());
    MappedPort mapped;
    int failure = kTaken;
    for (std::uint16_t i = 0; i < kMostTries && failure == kTaken; ++i) {
      mapped.external = static_cast<std::uint16_t>(wanted + i);
      if (mapped.external == 0) break;
      failure = add("TCP", port, mapped);
    }
    if (failure != UPNPCOMMAND_SUCCESS) {
      forget();  // it may be another router next time
      const char* words = ::strupnperror(failure);
      return unavailable(fmt::format("the router refuses: {}", words ? words : "no reason"));
    }
    mapped.has_udp = add("UDP", port, mapped) == UPNPCOMMAND_SUCCESS;
    std::array<char, 64> external{};
    if (::UPNP_GetExternalIPAddress(urls_.controlURL, data_.first.servicetype, external.data()) ==
        UPNPCOMMAND_SUCCESS)
      mapped.external_host = external.data();
    return mapped;
  }

  void unmap(std::uint16_t, const MappedPort& mapped) override {
    if (!has_router_) return;
    const std::string port = std::to_string(mapped.external);
    for (const char* protocol : {"TCP", "UDP"})
      if (*protocol == 'T' || mapped.has_udp)
        ::UPNP_DeletePortMapping(urls_.controlURL, data_.first.servicetype, port.c_str(), protocol,
                                 nullptr);
  }

 private:
  Result<> discover() {
    int failure = UPNPDISCOVER_SUCCESS;
    UPNPDev* devices =
        ::upnpDiscover(kDiscoverLimitMs, interface_.empty() ? nullptr : interface_.c_str(), nullptr,
                       UPNP_LOCAL_PORT_ANY, 0, kHops, &failure);
    if (devices == nullptr) return unavailable("no router answers");
#if MINIUPNPC_API_VERSION >= 18
    std::array<char, 64> wan{};
    const int found =
        ::UPNP_GetValidIGD(devices, &urls_, &data_, lan_.data(), static_cast<int>(lan_.size()),
                           wan.data(), static_cast<int>(wan.size()));
#else
    const int found =
        ::UPNP_GetValidIGD(devices, &urls_, &data_, lan_.data(), static_cast<int>(lan_.size()));
#endif
    ::freeUPNPDevlist(devices);
    has_router_ = found > 0;
    if (found == kConnected) return {};
    forget();
    return unavailable(found == 0 ? "no device that answers is a router"
                                  : "the router says that it is not connected");
  }

  int add(const char* protocol, std::uint16_t port, MappedPort& mapped) {
    const std::string outer = std::to_string(mapped.external);
    const std::string inner = std::to_string(port);
    const auto ask = [&](const std::string& lifetime_s) {
      return ::UPNP_AddPortMapping(urls_.controlURL, data_.first.servicetype, outer.c_str(),
                                   inner.c_str(), lan_.data(), kDescription, protocol, nullptr,
                                   lifetime_s.c_str());
    };
    mapped.lifetime = kLifetime;
    int failure = ask(std::to_string(kLifetime.count()));
    if (failure == kOnlyForEver) {
      mapped.lifetime = std::chrono::seconds{0};
      failure = ask("0");
    }
    return failure;
  }

  void forget() {
    if (has_router_) ::FreeUPNPUrls(&urls_);
    has_router_ = false;
    urls_ = {};
    data_ = {};
  }

  std::string interface_;
  bool has_router_ = false;
  UPNPUrls urls_{};
  IGDdatas data_{};
  std::array<char, 64> lan_{};  // this machine's address, as the router sees it
};

}  // namespace

std::unique_ptr<Gateway> make_upnp_gateway(const std::string& interface) {
  return std::make_unique<Upnp>(interface);
}

}  // namespace brigade::daemon
