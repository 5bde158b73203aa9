// A peer that says commands line by line and hears answers: stdin and stdout, or a connection of a
// Unix socket. Reading never blocks; a line longer than the bound ends the channel.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tests/emulator/netns.hpp"

namespace brigade::emulator {

class LineChannel {
 public:
  static constexpr std::size_t kMaxLineBytes = 4096;

  LineChannel(Descriptor in, Descriptor out) : in_(std::move(in)), out_(std::move(out)) {}
  int fd() const { return in_.get(); }
  /// Whole lines that have come; nothing: the other side is gone.
  std::optional<std::vector<std::string>> read();
  /// What the reader does not take within a moment is dropped: packets must not wait for it.
  void write(const std::string& text) const;

 private:
  Descriptor in_;
  Descriptor out_;  // empty: `in_` goes both ways
  std::string buffer_;
};

/// Listens at `path`, which only its owner may use; a leftover of an earlier lab is replaced.
Result<Descriptor> listen_at(const std::string& path);

}  // namespace brigade::emulator
