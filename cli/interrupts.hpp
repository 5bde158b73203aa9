// Ctrl-C, SIGTERM and SIGHUP, counted: the first asks for an orderly end, the second for one now.
#pragma once

namespace brigade::cli {

/// From now on these signals are counted instead of ending the process; SIGPIPE is ignored.
void catch_interrupts();
int interrupts();

}  // namespace brigade::cli
