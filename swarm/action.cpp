#include "swarm/action.hpp"

namespace brigade::swarm {

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::kGathering:
      return "gathering";
    case Phase::kRestoring:
      return "restoring";
    case Phase::kTraining:
      return "training";
    case Phase::kDraining:
      return "draining";
    case Phase::kOver:
      return "over";
    case Phase::kBlocked:
      return "blocked";
  }
  return "unknown";
}

std::string to_string(const Misbehaved& misdeed) {
  std::string text = misdeed.what;
  if (!misdeed.detail.empty()) text += ": " + misdeed.detail;
  return text;
}

}  // namespace brigade::swarm
