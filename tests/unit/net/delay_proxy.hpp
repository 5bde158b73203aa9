// A long way between two sockets on loopback: every byte arrives `one_way` after it was sent, as
// many as there are. What HTTP/2 does on a long link shows behind it; TCP's own behaviour does not,
// since each half of the way is a short connection.
#pragma once

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/address.hpp"

namespace brigade::daemon::testing {

class DelayProxy {
  using Tcp = boost::asio::ip::tcp;
  using Clock = std::chrono::steady_clock;

 public:
  DelayProxy(const std::string& target, std::chrono::milliseconds one_way)
      : target_(split_address(target).value()),
        one_way_(one_way),
        acceptor_(context_, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~DelayProxy() {
    context_.stop();
    thread_.join();
  }

  std::string address() const {
    return join_address("127.0.0.1", acceptor_.local_endpoint().port());
  }

 private:
  /// One direction of one connection. Lives as long as a handler holds it.
  struct Way : std::enable_shared_from_this<Way> {
    Way(boost::asio::io_context& context, std::shared_ptr<Tcp::socket> source,
        std::shared_ptr<Tcp::socket> sink, std::chrono::milliseconds delay)
        : from(std::move(source)), to(std::move(sink)), one_way(delay), timer(context) {}

    void read() {
      from->async_read_some(
          boost::asio::buffer(chunk), [self = shared_from_this()](auto error, std::size_t size) {
            if (error) return self->to->close();
            self->held.push_back(
                {Clock::now() + self->one_way, {self->chunk.begin(), self->chunk.begin() + size}});
            if (self->held.size() == 1) self->deliver();
            self->read();
          });
    }
    void deliver() {
      timer.expires_at(held.front().due);
      timer.async_wait([self = shared_from_this()](auto cancelled) {
        if (cancelled) return;
        boost::asio::async_write(*self->to, boost::asio::buffer(self->held.front().bytes),
                                 [self](auto error, std::size_t) {
                                   if (error) return self->from->close();
                                   self->held.pop_front();
                                   if (!self->held.empty()) self->deliver();
                                 });
      });
    }

    struct Held {
      Clock::time_point due;
      std::vector<char> bytes;
    };
    std::shared_ptr<Tcp::socket> from, to;
    std::chrono::milliseconds one_way;
    boost::asio::steady_timer timer;
    std::deque<Held> held;
    std::array<char, 64 * 1024> chunk{};
  };

  void accept() {
    acceptor_.async_accept([this](auto error, Tcp::socket accepted) {
      if (error) return;
      auto near = std::make_shared<Tcp::socket>(std::move(accepted));
      auto far = std::make_shared<Tcp::socket>(context_);
      boost::system::error_code refused;
      far->connect({boost::asio::ip::make_address(target_.host), target_.port}, refused);
      if (!refused) {
        std::make_shared<Way>(context_, near, far, one_way_)->read();
        std::make_shared<Way>(context_, far, near, one_way_)->read();
      }
      accept();
    });
  }

  HostPort target_;
  std::chrono::milliseconds one_way_;
  boost::asio::io_context context_;
  Tcp::acceptor acceptor_;
  std::thread thread_;
};

}  // namespace brigade::daemon::testing
