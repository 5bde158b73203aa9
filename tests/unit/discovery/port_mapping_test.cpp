#include "daemon/port_mapping/port_mapping.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <stdexcept>

#include "tests/catch.hpp"

namespace brigade::daemon {
namespace {

using std::chrono::seconds;

/// A router that speaks NAT-PMP (RFC 6886, section 3) at an address of loopback's own.
class FakeRouter {
 public:
  /// `shift`: it gives another outer port than it was asked for. `result`: what it answers with.
  explicit FakeRouter(std::uint16_t shift = 0, std::uint16_t result = 0)
      : shift_(shift), result_(result) {
    // One for each router of each process that tests: the port is fixed.
    static std::uint8_t last = 0;
    address_ = "127.77." + std::to_string(::getpid() % 250 + 1) + "." + std::to_string(++last);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(5351);
    ::inet_pton(AF_INET, address_.c_str(), &own.sin_addr);
    socket_ = ::socket(AF_INET, SOCK_DGRAM, 0);
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
      throw std::runtime_error("no fake router at " + address_);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeRouter() {
    is_stopped_ = true;
    thread_.join();
    ::close(socket_);
  }

  const std::string& address() const { return address_; }
  /// Opcode (1: UDP, 2: TCP) and inner port → outer port.
  std::map<std::pair<int, std::uint16_t>, std::uint16_t> mappings() {
    const std::lock_guard lock(mutex_);
    return mappings_;
  }

 private:
  using Packet = std::array<std::uint8_t, 16>;
  static std::uint16_t word(const Packet& packet, std::size_t at) {
    return static_cast<std::uint16_t>(packet[at] << 8 | packet[at + 1]);
  }
  static void put(Packet& packet, std::size_t at, std::uint16_t value) {
    packet[at] = static_cast<std::uint8_t>(value >> 8);
    packet[at + 1] = static_cast<std::uint8_t>(value);
  }

  void serve() {
    while (!is_stopped_) {
      pollfd readable{socket_, POLLIN, 0};
      if (::poll(&readable, 1, 20) != 1) continue;
      Packet asked{};
      sockaddr_in from{};
      socklen_t size = sizeof from;
      if (::recvfrom(socket_, asked.data(), asked.size(), 0, reinterpret_cast<sockaddr*>(&from),
                     &size) < 2)
        continue;
      Packet answer{};
      const std::size_t length = asked[1] == 0 ? 12 : 16;
      answer[1] = static_cast<std::uint8_t>(128 + asked[1]);
      put(answer, 2, result_);
      put(answer, 6, 1'000);  // seconds since its start
      if (asked[1] == 0) {
        const std::array<std::uint8_t, 4> host{203, 0, 113, 7};
        std::copy(host.begin(), host.end(), answer.begin() + 8);
      } else {
        map(asked, answer);
      }
      ::sendto(socket_, answer.data(), length, 0, reinterpret_cast<const sockaddr*>(&from), size);
    }
  }

  void map(const Packet& asked, Packet& answer) {
    const std::uint16_t inner = word(asked, 4);
    const bool is_removed = word(asked, 8) == 0 && word(asked, 10) == 0;
    const auto outer = static_cast<std::uint16_t>(is_removed ? 0 : word(asked, 6) + shift_);
    put(answer, 8, inner);
    put(answer, 10, outer);
    std::copy(asked.begin() + 8, asked.begin() + 12, answer.begin() + 12);
    const std::lock_guard lock(mutex_);
    if (result_ != 0) return;
    if (is_removed) {
      mappings_.erase({asked[1], inner});
    } else {
      mappings_[{asked[1], inner}] = outer;
    }
  }

  const std::uint16_t shift_;
  const std::uint16_t result_;
  std::string address_;
  int socket_ = -1;
  std::atomic<bool> is_stopped_{false};
  std::mutex mutex_;
  std::map<std::pair<int, std::uint16_t>, std::uint16_t> mappings_;
  std::thread thread_;
};

constexpr int kUdp = 1;
constexpr int kTcp = 2;

TEST_CASE("a router that speaks NAT-PMP passes the port on, and forgets it when it is told") {
  FakeRouter router;
  const auto gateway = make_nat_pmp_gateway(router.address());
  const MappedPort mapped = gateway->map(7070, 7070).value();
  CHECK(mapped.external == 7070);
  CHECK(mapped.external_host == "203.0.113.7");
  CHECK(mapped.lifetime == Gateway::kLifetime);
  CHECK(mapped.has_udp);
  CHECK(router.mappings().at({kTcp, 7070}) == 7070);
  CHECK(router.mappings().at({kUdp, 7070}) == 7070);
  gateway->unmap(7070, mapped);
  CHECK(router.mappings().empty());
}

TEST_CASE("a router may give another port; UDP of yet another one is of no use and given back") {
  FakeRouter router(1'000);
  const auto gateway = make_nat_pmp_gateway(router.address());
  const MappedPort mapped = gateway->map(7070, 7070).value();
  CHECK(mapped.external == 8070);
  CHECK(!mapped.has_udp);
  CHECK(router.mappings().size() == 1);
}

TEST_CASE("a router that refuses, and one that is none, are reasons in words") {
  FakeRouter refuses(0, 2);
  const auto refused = make_nat_pmp_gateway(refuses.address())->map(7070, 7070);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message.find("turned off in its settings") != std::string::npos);
  const auto nobody = make_nat_pmp_gateway("127.77.255.254")->map(7070, 7070);
  REQUIRE(nobody.has_error());
  CHECK(nobody.error().message == "the router does not answer");
}

/// A gateway that does as it is told.
struct Script {
  explicit Script(Result<MappedPort> answer) : answers{std::move(answer)} {}
  std::mutex mutex;
  std::vector<Result<MappedPort>> answers;  // the last one again and again
  std::size_t asked = 0;
  std::vector<std::uint16_t> taken_back;
};

class ScriptedGateway final : public Gateway {
 public:
  ScriptedGateway(const char* name, Script& script) : name_(name), script_(script) {}
  const char* name() const override { return name_; }
  Result<MappedPort> map(std::uint16_t, std::uint16_t) override {
    const std::lock_guard lock(script_.mutex);
    const std::size_t at = std::min(script_.asked++, script_.answers.size() - 1);
    return script_.answers[at];
  }
  void unmap(std::uint16_t, const MappedPort& mapped) override {
    const std::lock_guard lock(script_.mutex);
    script_.taken_back.push_back(mapped.external);
  }

 private:
  const char* name_;
  Script& script_;
};

class News {
 public:
  void put(const PortMappingNews& news) {
    const std::lock_guard lock(mutex_);
    news_.push_back(news);
    changed_.notify_all();
  }
  PortMappingNews first() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, seconds{10}, [this] { return !news_.empty(); });
    return news_.empty() ? PortMappingNews{std::nullopt, "nothing was told"} : news_.front();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<PortMappingNews> news_;
};

std::vector<std::unique_ptr<Gateway>> both(Script& one, Script& two) {
  std::vector<std::unique_ptr<Gateway>> gateways;
  gateways.push_back(std::make_unique<ScriptedGateway>("one", one));
  gateways.push_back(std::make_unique<ScriptedGateway>("two", two));
  return gateways;
}

Error none(const char* why) {
  return make_error(ErrorCode::kUnavailable, why);
}

TEST_CASE("the second way is tried where the first fails, and the port taken back at the end") {
  Script one(none("no router answers"));
  Script two(MappedPort{7071, "203.0.113.7", seconds{3'600}, true});
  News news;
  {
    PortMapping mapping(7070, both(one, two), [&](const auto& told) { news.put(told); });
    const PortMappingNews told = news.first();
    REQUIRE(told.mapped);
    CHECK(told.mapped->external == 7071);
    CHECK(told.what == "port 7071 of 203.0.113.7 by two");
    CHECK(two.taken_back.empty());
  }
  CHECK(one.taken_back.empty());
  CHECK(two.taken_back == std::vector<std::uint16_t>{7071});
}

TEST_CASE("a router behind another one is named as what it is") {
  for (const char* host : {"10.1.2.3", "192.168.0.2", "172.16.0.1", "172.31.255.1", "100.64.0.1"}) {
    Script one(MappedPort{7070, host, seconds{3'600}, false});
    Script two(none("unused"));
    News news;
    PortMapping mapping(7070, both(one, two), [&](const auto& told) { news.put(told); });
    CHECK(news.first().what.find("behind another one") != std::string::npos);
  }
  for (const char* host : {"11.1.2.3", "172.32.0.1", "100.128.0.1", "8.8.8.8", "", "1.2.3", "x"}) {
    Script one(MappedPort{7070, host, seconds{3'600}, false});
    Script two(none("unused"));
    News news;
    PortMapping mapping(7070, both(one, two), [&](const auto& told) { news.put(told); });
    CHECK(news.first().what.find("behind another one") == std::string::npos);
  }
}

TEST_CASE("where no router gives a port, every reason is told, and nothing is taken back") {
  Script one(none("no router answers"));
  Script two(none("the router refuses: why"));
  News news;
  {
    PortMapping mapping(7070, both(one, two), [&](const auto& told) { news.put(told); });
    const PortMappingNews told = news.first();
    CHECK(!told.mapped);
    CHECK(told.what == "none: one: no router answers; two: the router refuses: why");
  }
  CHECK(one.taken_back.empty());
  CHECK(two.taken_back.empty());
}

}  // namespace
}  // namespace brigade::daemon
