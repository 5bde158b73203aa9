// The schedules worked through by hand, without messages, queues or time: which weights each
// forward and backward sees (tests/vectors/golden, "Schedule"). What lock-step and gpipe must
// reproduce bit for bit whatever the network does.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/scenario.hpp"
#include "sim/stage_model.hpp"

namespace brigade::sim {

/// Weights of every stage after the whole run, in the epoch `epoch` from the seeded initialisation.
std::vector<Digest> reference_weights(const Scenario& scenario, std::uint64_t seed, Epoch epoch);

}  // namespace brigade::sim
