// The members that a node knew last, kept on its disk: where it finds the swarm again after a
// restart, whoever has left meanwhile; and who was ever let in, since those may come back when
// their invite has ended.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "trust/invite.hpp"

namespace brigade::daemon {

inline constexpr std::size_t kMostInBook = 256;

struct Book {
  std::vector<std::string> records;  // signed; those that can be dialled
  std::vector<std::pair<NodeId, trust::InviteId>> admitted;
};

/// Empty where there is no file. kCorrupt: the file is something else.
Result<Book> read_book(const std::filesystem::path& file);
Result<> write_book(const std::filesystem::path& file, const Book& book);

}  // namespace brigade::daemon
