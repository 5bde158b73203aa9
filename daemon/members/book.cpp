#include "daemon/members/book.hpp"

#include <brigade/v1/membership.pb.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/limits.hpp"

namespace brigade::daemon {

namespace {

constexpr std::size_t kMostAdmitted = 65'536;
constexpr std::size_t kIdBytes = sizeof(NodeId::bytes);
constexpr std::size_t kInviteBytes = sizeof(trust::InviteId::bytes);
constexpr std::size_t kMaxBookBytes =
    kMostInBook * (limits::kMaxRecordBytes + 16) + kMostAdmitted * (kIdBytes + kInviteBytes + 16);

}  // namespace

Result<Book> read_book(const std::filesystem::path& file) {
  const auto bytes = read_file(file, kMaxBookBytes);
  if (bytes.has_error()) {
    if (bytes.error().code == ErrorCode::kNotFound) return Book();
    return bytes.error();
  }
  brigade::v1::Book message;
  if (!message.ParseFromString(*bytes)) {
    return make_error(ErrorCode::kCorrupt, fmt::format("{} is no list of members", file.string()));
  }
  Book book;
  book.records.assign(message.records().begin(), message.records().end());
  for (const std::string& entry : message.admitted()) {
    if (entry.size() != kIdBytes + kInviteBytes) continue;
    auto& [node, invite] = book.admitted.emplace_back();
    std::copy_n(entry.begin(), kIdBytes, node.bytes.begin());
    std::copy_n(entry.begin() + kIdBytes, kInviteBytes, invite.bytes.begin());
  }
  return book;
}

Result<> write_book(const std::filesystem::path& file, const Book& book) {
  brigade::v1::Book message;
  for (const std::string& record : book.records) {
    if (static_cast<std::size_t>(message.records_size()) == kMostInBook) break;
    message.add_records(record);
  }
  for (const auto& [node, invite] : book.admitted) {
    if (static_cast<std::size_t>(message.admitted_size()) == kMostAdmitted) break;
    std::string& entry = *message.add_admitted();
    entry.assign(node.bytes.begin(), node.bytes.end());
    entry.append(invite.bytes.begin(), invite.bytes.end());
  }
  return write_file_atomically(file, message.SerializeAsString());
}

}  // namespace brigade::daemon
