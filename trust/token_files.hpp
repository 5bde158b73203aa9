// Where the data that a description names by checksum lie, in the owner's folder and in every
// node's, in the description's order: training, then validation (docs/protocol.md, "The description
// of a swarm").
#pragma once

#include <array>

namespace brigade::trust {

inline constexpr std::array<const char*, 2> kTokenFiles = {"data/train.bin", "data/validation.bin"};

}  // namespace brigade::trust
