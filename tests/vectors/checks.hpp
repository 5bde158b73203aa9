// Runs one case and measures how far Brigade is from the golden numbers.
#pragma once

#include <string>

#include "base/result.hpp"
#include "tests/vectors/vector_case.hpp"

namespace brigade::vectors {

struct Outcome {
  double loss_error = 0;    // largest absolute difference of any loss
  double weight_error = 0;  // of any weight
  bool is_ok = false;       // within the tolerances of the vectors' README
};

/// NAME.json and NAME.final.safetensors: a whole trajectory.
Result<Outcome> check_trajectory(const VectorFolder& folder, const VectorCase& vector_case);

/// opt_NAME.safetensors: an optimiser on given gradients. kUnsupported for one Brigade lacks.
Result<Outcome> check_optimizer(const std::filesystem::path& file);

/// opt_muon.safetensors: matrices through the optimiser that a stage uses. Its weight error is that
/// of the weights; is_ok asks for the directions and the look-ahead points, too.
Result<Outcome> check_muon(const std::filesystem::path& file);

}  // namespace brigade::vectors
