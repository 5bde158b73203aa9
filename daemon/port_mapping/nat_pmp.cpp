// NAT-PMP by libnatpmp: one request of 12 bytes over UDP, one answer of 16.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <natpmp.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <optional>

#include "daemon/port_mapping/gateway.hpp"

namespace brigade::daemon {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// RFC 6886 asks nine times and waits for two minutes in all; who answers at all does so at once.
constexpr milliseconds kAnswerLimit{2'000};

std::string reason_of(int failure) {
  switch (failure) {
    case NATPMP_ERR_CANNOTGETGATEWAY:
      return "no default route";
    case NATPMP_ERR_NOGATEWAYSUPPORT:
    case NATPMP_ERR_RECVFROM:  // it answered "port unreachable"
    case NATPMP_TRYAGAIN:
      return "the router does not answer";
    case NATPMP_ERR_NOTAUTHORIZED:
      return "the router refuses: it is turned off in its settings";
    case NATPMP_ERR_NETWORKFAILURE:
      return "the router has no address itself";
    case NATPMP_ERR_OUTOFRESOURCES:
      return "the router has no mapping left";
    case NATPMP_ERR_UNSUPPORTEDVERSION:
    case NATPMP_ERR_UNSUPPORTEDOPCODE:
      return "the router speaks another version";
    default:
      return fmt::format("failed ({})", failure);
  }
}

/// One conversation with the router.
class Session {
 public:
  explicit Session(const std::string& router) {
    in_addr address{};
    const bool is_forced = !router.empty() && ::inet_pton(AF_INET, router.c_str(), &address) == 1;
    opened_ = ::initnatpmp(&state_, is_forced ? 1 : 0, is_forced ? address.s_addr : 0);
  }
  ~Session() {
    if (opened_ == 0) ::closenatpmp(&state_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<natpmpresp_t> public_address() {
    return opened_ == 0
               ? answer_to(::sendpublicaddressrequest(&state_), NATPMP_RESPTYPE_PUBLICADDRESS)
               : failed(opened_);
  }
  Result<natpmpresp_t> map(int protocol, std::uint16_t port, std::uint16_t wanted,
                           std::uint32_t lifetime_s) {
    if (opened_ != 0) return failed(opened_);
    const auto type = protocol == NATPMP_PROTOCOL_TCP ? NATPMP_RESPTYPE_TCPPORTMAPPING
                                                      : NATPMP_RESPTYPE_UDPPORTMAPPING;
    return answer_to(::sendnewportmappingrequest(&state_, protocol, port, wanted, lifetime_s),
                     type);
  }

 private:
  static Result<natpmpresp_t> failed(int failure) {
    return make_error(ErrorCode::kUnavailable, reason_of(failure));
  }

  Result<natpmpresp_t> answer_to(int sent, int type) {
    if (sent < 0) return failed(sent);
    const auto deadline = Clock::now() + kAnswerLimit;
    natpmpresp_t response{};
    int result = NATPMP_TRYAGAIN;
    while (result == NATPMP_TRYAGAIN && Clock::now() < deadline) {
      timeval pause{};
      ::getnatpmprequesttimeout(&state_, &pause);
      const milliseconds again(pause.tv_sec * 1'000 + pause.tv_usec / 1'000);
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
      pollfd readable{state_.s, POLLIN, 0};
      ::poll(&readable, 1,
             static_cast<int>(
                 std::clamp(again, milliseconds{1}, std::max(left, milliseconds{1})).count()));
      result = ::readnatpmpresponseorretry(&state_, &response);
      // Of an earlier question that was asked twice.
      if (result == 0 && response.type != type) result = NATPMP_TRYAGAIN;
    }
    if (result != 0) return failed(result);
    return response;
  }

  natpmp_t state_{};
  int opened_ = 0;
};

class NatPmp final : public Gateway {
 public:
  explicit NatPmp(std::string router) : router_(std::move(router)) {}

  const char* name() const override { return "NAT-PMP"; }

  Result<MappedPort> map(std::uint16_t port, std::uint16_t wanted) override {
    Session session(router_);
    BRIGADE_ASSIGN(const natpmpresp_t own, session.public_address());
    const auto lifetime_s = static_cast<std::uint32_t>(kLifetime.count());
    BRIGADE_ASSIGN(const natpmpresp_t tcp,
                   session.map(NATPMP_PROTOCOL_TCP, port, wanted, lifetime_s));
    MappedPort mapped;
    mapped.external = tcp.pnu.newportmapping.mappedpublicport;
    mapped.lifetime = std::chrono::seconds(tcp.pnu.newportmapping.lifetime);
    std::array<char, INET_ADDRSTRLEN> text{};
    if (::inet_ntop(AF_INET, &own.pnu.publicaddress.addr, text.data(), text.size()) != nullptr)
      mapped.external_host = text.data();
    if (mapped.external == 0 || mapped.lifetime.count() == 0)
      return make_error(ErrorCode::kUnavailable, "the router gave nothing");
    const auto udp = session.map(NATPMP_PROTOCOL_UDP, port, mapped.external, lifetime_s);
    if (udp.has_value()) {
      mapped.has_udp = udp->pnu.newportmapping.mappedpublicport == mapped.external;
      if (!mapped.has_udp) static_cast<void>(session.map(NATPMP_PROTOCOL_UDP, port, 0, 0));
    }
    return mapped;
  }

  void unmap(std::uint16_t port, const MappedPort& mapped) override {
    Session session(router_);
    static_cast<void>(session.map(NATPMP_PROTOCOL_TCP, port, 0, 0));
    if (mapped.has_udp) static_cast<void>(session.map(NATPMP_PROTOCOL_UDP, port, 0, 0));
  }

 private:
  std::string router_;
};

}  // namespace

std::unique_ptr<Gateway> make_nat_pmp_gateway(const std::string& router) {
  return std::make_unique<NatPmp>(router);
}

}  // namespace brigade::daemon
