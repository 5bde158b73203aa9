// A timer that follows a core's next_wakeup(): armed after each event, it calls back once when that
// moment has come, and never before. Core strand only; nothing is called after its end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "base/time.hpp"
#include "daemon/core_clock.hpp"

namespace brigade::daemon {

class WakeupTimer {
 public:
  WakeupTimer(boost::asio::any_io_executor executor, std::function<void()> on_due)
      : timer_(std::move(executor)), on_due_(std::move(on_due)) {}

  /// kNever: nothing is waited for.
  void arm(TimePoint due) {
    if (due == armed_for_) return;
    armed_for_ = due;
    if (due == kNever) {
      timer_.cancel();
      return;
    }
    timer_.expires_at(to_steady(due));
    timer_.async_wait(
        [this, alive = std::weak_ptr<bool>(is_alive_)](const boost::system::error_code& cancelled) {
          if (cancelled || alive.expired() || core_now() < armed_for_) return;
          armed_for_ = kNever;
          on_due_();
        });
  }
  void cancel() { arm(kNever); }

 private:
  boost::asio::steady_timer timer_;
  std::function<void()> on_due_;
  TimePoint armed_for_ = kNever;
  // A wait that is over may be called after us: it looks here first.
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace brigade::daemon
