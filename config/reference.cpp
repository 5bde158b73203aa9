#include "config/reference.hpp"

#include <fmt/format.h>

#include "config/node_config.hpp"
#include "config/plan_config.hpp"
#include "config/swarm_config.hpp"
#include "config/table.hpp"

namespace brigade::config {
namespace {

/// In a table cell: code, or nothing for nothing.
std::string code(std::string_view text) {
  return text.empty() ? "" : fmt::format("`{}`", text);
}

template <class Config>
std::string rows(std::span<const OptionOf<Config>> options) {
  Config defaults;
  std::string text =
      "| key | default | takes | flag | meaning |\n| --- | --- | --- | --- | --- |\n";
  for (const Bound& bound : bind_table(options, defaults)) {
    const Option& option = *bound.option;
    text += fmt::format("| {} | {} | {} | {} | {} |\n", code(option.key),
                        code(written(option.domain, bound.field)), expected(option.domain),
                        code(option.flag), option.meaning);
  }
  return text;
}

}  // namespace

std::string swarm_reference() {
  return rows(swarm_options());
}

std::string node_reference() {
  return rows(node_options());
}

std::string peer_reference() {
  return rows(peer_options());
}

std::string plan_reference() {
  return rows(plan_options());
}

std::string plan_machines_reference() {
  return rows(plan_machines_options());
}

std::string plan_event_reference() {
  return rows(plan_event_options());
}

}  // namespace brigade::config
