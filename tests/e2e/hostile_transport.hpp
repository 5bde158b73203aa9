// A transport that lies: around a real one, in a daemon that is honest otherwise. So it is a member
// like any other, with links, work and weights, until what it says leaves it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/delay_line.hpp"
#include "daemon/transport.hpp"

namespace brigade::hostile {

struct Misdeed {
  std::string_view name;
  std::string_view what;  // for --help
};
/// What a transport can do wrong.
const std::vector<Misdeed>& misdeeds();

/// `misdeed` is one of the names; any other: honest.
std::unique_ptr<daemon::Transport> make_hostile_transport(const std::string& misdeed,
                                                          daemon::TransportCallbacks callbacks,
                                                          const daemon::MakeTransport& make);

}  // namespace brigade::hostile
