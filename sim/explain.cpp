// Scenarios and violations in words.
#include <chrono>
#include <cstdio>

#include "sim/swarm_world.hpp"
#include "sim/world.hpp"

namespace brigade::sim {

std::string describe(const Scenario& scenario) {
  const swarm::Options& options = scenario.options;
  char text[1024];
  const auto ms = [](Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  std::snprintf(
      text, sizeof text,
      "%s: %s\n"
      "  %u stages, %llu steps, window %u, %s%s, %u micro-batches an update%s\n"
      "  checkpoint every %llu, keep %u, eval every %llu (%u batches, %u at the end)\n"
      "  deadlines: receipt %.0f ms, gradient %.0f ms, pause up to %.0f ms, beacon %.0f ms\n"
      "  link: latency %.3f ms, loss %.3f, duplicates %.3f; device: forward %.3f ms, reject %.3f\n"
      "  %zu faults, healed at %.0f ms, bound %.0f s after that\n",
      scenario.name.c_str(), scenario.about.c_str(), scenario.stages,
      static_cast<unsigned long long>(options.steps), options.window, name_of(options.schedule),
      options.lock_step ? " in lock-step" : "", options.accumulate,
      options.accumulate_follows ? " or as many as are late" : "",
      static_cast<unsigned long long>(options.checkpoint_every), options.keep_checkpoints,
      static_cast<unsigned long long>(options.eval_every), options.eval_batches,
      options.final_eval_batches, ms(options.receipt_deadline), ms(options.gradient_deadline),
      ms(options.longest_pause), ms(options.beacon_interval), ms(scenario.link.latency.base),
      scenario.link.loss, scenario.link.duplicate, ms(scenario.device.forward),
      scenario.device.reject, scenario.faults.size(), ms(scenario.heals_at),
      ms(scenario.bound) / 1000);
  return text;
}

std::string explain(const Scenario& scenario, std::uint64_t seed, const RunResult& result) {
  if (!result.violation) return {};
  const Violation& violation = *result.violation;
  char line[200];
  std::snprintf(line, sizeof line, "scenario %s, seed %llu, virtual time %.6f s, node %u\n",
                scenario.name.c_str(), static_cast<unsigned long long>(seed),
                std::chrono::duration<double>(violation.at.time_since_epoch()).count(),
                violation.host);
  return result.trace_tail + describe(scenario) + line + "VIOLATION (" + violation.checker +
         "): " + violation.what + "\nreplay: brigade-sim --scenario " + scenario.name + " --seed " +
         std::to_string(seed) + " --trace\n";
}

std::string explain(const SwarmScenario& scenario, std::uint64_t seed, const SwarmResult& result) {
  if (!result.violation) return {};
  const Violation& violation = *result.violation;
  const double at = std::chrono::duration<double>(violation.at.time_since_epoch()).count();
  return result.trace_tail + "scenario " + scenario.name + ": " + scenario.about + "\n" +
         std::to_string(scenario.stages) + " stages of " + std::to_string(scenario.replicas) +
         " replicas, seed " + std::to_string(seed) + ", virtual time " + std::to_string(at) +
         ", node " + std::to_string(violation.host) + "\nVIOLATION (" + violation.checker +
         "): " + violation.what + "\nreplay: brigade-sim --scenario " + scenario.name + " --seed " +
         std::to_string(seed) + " --trace\n";
}

}  // namespace brigade::sim
