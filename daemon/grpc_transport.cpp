#include "daemon/grpc_transport.hpp"

#include <utility>

#include "daemon/links.hpp"

namespace brigade::daemon {

namespace {

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(TransportOptions options, boost::asio::any_io_executor executor,
                TransportCallbacks callbacks)
      : links_(std::make_shared<Links>(std::move(options), std::move(executor),
                                       std::move(callbacks))) {}
  ~GrpcTransport() override { links_->stop(); }

  Result<> start() override { return links_->start(); }
  std::string listen_address() const override { return links_->listen_address(); }
  void send(const NodeId& to, const swarm::Message& message,
            std::optional<PayloadData> payload) override {
    links_->send(to, message, std::move(payload));
  }
  void send_gossip(const NodeId& to, std::string bytes) override {
    links_->send_gossip(to, std::move(bytes));
  }
  void dial(const NodeId& member, const std::string& address) override {
    links_->dial_member(member, address);
  }
  void dial_through(const NodeId& member, const RelayAddress& relay) override {
    links_->dial_through(member, relay);
  }
  Result<std::string> open_way(const NodeId& member, const RelayAddress& relay) override {
    return links_->open_way(member, relay);
  }
  void drop(const NodeId& member, const std::string& reason) override {
    links_->drop(member, reason);
  }
  std::vector<LinkInfo> links() const override { return links_->links(); }
  TransportCounters counters() const override { return links_->counters(); }
  void stop() override { links_->stop(); }

 private:
  std::shared_ptr<Links> links_;
};

}  // namespace

std::unique_ptr<Transport> make_grpc_transport(TransportOptions options,
                                               boost::asio::any_io_executor executor,
                                               TransportCallbacks callbacks) {
  return std::make_unique<GrpcTransport>(std::move(options), std::move(executor),
                                         std::move(callbacks));
}

}  // namespace brigade::daemon
