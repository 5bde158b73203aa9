// Any bytes as a member's question about checkpoints, and as names in a folder of them. What is
// answered lies within the file and the bounds.
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "daemon/members/copies.hpp"
#include "tests/fuzz/check.hpp"

using namespace brigade;
using namespace brigade::daemon;

namespace {

constexpr std::size_t kFileBytes = 1000;
constexpr std::size_t kMostPiece = 1024 * 1024;

/// One file that is there for the whole run, and one that is not.
struct Folder {
  std::filesystem::path file = std::filesystem::temp_directory_path() /
                               ("brigade-copies-fuzz-" + std::to_string(::getpid()));
  std::vector<HeldCheckpoint> held{{{Epoch{1}, 100}, file}, {{Epoch{2}, 7}, "nowhere to be"}};
  Folder() { std::ofstream(file, std::ios::binary) << std::string(kFileBytes, 'x'); }
  ~Folder() { std::filesystem::remove(file); }
};

const std::vector<HeldCheckpoint>& held() {
  static const Folder kFolder;
  return kFolder.held;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  for (const Asks kind : {Asks::kCheckpoints, Asks::kPiece}) {
    const auto stage = stage_asked_for(kind, input);
    if (stage.has_error()) fuzz::demand_readable(stage.error());
  }
  const auto piece = piece_answer(input, held());
  if (piece.has_error()) {
    fuzz::demand_readable(piece.error());
  } else {
    FUZZ_DEMAND(!piece->empty() && piece->size() <= kFileBytes && piece->size() <= kMostPiece);
    FUZZ_DEMAND(piece->find_first_not_of('x') == std::string::npos);
  }
  if (const auto id = parse_checkpoint_file_name(input))
    FUZZ_DEMAND(parse_checkpoint_file_name(checkpoint_file_name(*id)) == id);
  return 0;
}
