// The option tables as Markdown, for docs/configuration.md.
#pragma once

#include <string>

namespace brigade::config {

/// A row an option: key, default, what it takes, flag, meaning.
std::string swarm_reference();
std::string node_reference();
std::string peer_reference();
std::string plan_reference();
std::string plan_machines_reference();
std::string plan_event_reference();

}  // namespace brigade::config
