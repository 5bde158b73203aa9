// Checkpoint files: their names, and how members copy them from each other, both ends of it: one
// asks what there is of a stage, and fetches a file piece by piece; the other answers. What was
// fetched is not believed: its checksum and whose model it holds are checked by whoever takes it
// in.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "daemon/identity.hpp"
#include "daemon/question.hpp"
#include "daemon/transport.hpp"
#include "swarm/message.hpp"

namespace brigade::daemon {

class Asker;

/// A checkpoint of one stage on this node's disk.
struct HeldCheckpoint {
  swarm::CheckpointId checkpoint;
  std::filesystem::path path;
};

/// "step-000000000100-e3.safetensors" and back.
std::string checkpoint_file_name(const swarm::CheckpointId& checkpoint);
std::optional<swarm::CheckpointId> parse_checkpoint_file_name(const std::string& name);
/// What a folder holds. Sorted, so that a start is the same whatever order the disk lists.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder,
                                            std::error_code& failure);

/// Who is asked for a copy, and where.
struct Donor {
  NodeId node;
  std::string address;                // empty: it can't be dialled
  std::optional<RelayAddress> relay;  // then: through whom it is reached
};

/// Opens a tunnel: a local address to dial soon, once.
using OpenWay = std::function<Result<std::string>(const NodeId&, const RelayAddress&)>;

/// Whom to ask now: those that can be dialled, and a few through others.
std::vector<Donor> find_ways(const std::vector<Donor>& donors, const OpenWay& open_way);

struct Offered {
  Donor donor;
  std::shared_ptr<Asker> asker;  // the connection over which it was offered
  swarm::CheckpointId checkpoint;
  std::uint64_t bytes = 0;
};

/// The newest that each has of the stage, the newest of all first; who does not answer is left out,
/// and what is larger than any such file can be.
/// Blocks for seconds: all are asked at once.
std::vector<Offered> ask_what_they_have(const std::vector<Donor>& donors, StageIndex stage,
                                        const Identity& identity, std::uint64_t most_bytes);

/// Into `file`, durable when it returns, over the connection of the offer. At most so many bytes a
/// second, 0: any number; ends early when `is_stopped`. Blocks.
Result<> fetch(const Offered& offered, StageIndex stage, const std::filesystem::path& file,
               const std::atomic<bool>& is_stopped, std::uint64_t most_bytes_a_second = 0);

/// Where in a file: from one byte to before another.
struct ByteRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};
/// Asks for one piece after the other and gives them on. A piece of another length: kProtocol.
Result<> fetch_pieces(
    const std::function<Result<std::string>(std::uint64_t offset, std::uint32_t bytes)>& ask,
    const ByteRange& range,
    const std::function<Result<>(std::uint64_t offset, const std::string& piece)>& take,
    const std::atomic<bool>& is_stopped, std::uint64_t most_bytes_a_second);
/// Fewer at the end of the file; kBadInput: none, or more than may be asked for.
Result<std::string> read_piece(const std::filesystem::path& file, std::uint64_t offset,
                               std::uint32_t bytes);
/// Whether it is the donor's fault that a complete copy is refused: bytes that are damaged or
/// another's, not this node's disk.
bool is_a_lie(const Error& error);

// The other end. kProtocol: no question of these kinds.
Result<StageIndex> stage_asked_for(Asks kind, const std::string& question);
std::string checkpoints_answer(const std::vector<HeldCheckpoint>& held);
/// The bytes asked for; kBadInput: not here, or beyond the bounds. Reads the disk.
Result<std::string> piece_answer(const std::string& question,
                                 const std::vector<HeldCheckpoint>& held);

}  // namespace brigade::daemon
