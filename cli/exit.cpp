#include "cli/exit.hpp"

#include <cstdio>
#include <string>

namespace brigade::cli {

Exit fail(Exit exit, std::string_view message) {
  std::string line = "brigade: ";
  for (const char c : message) line += c == '\n' || c == '\r' ? ' ' : c;
  while (line.ends_with(' ')) line.pop_back();
  line += '\n';
  std::fflush(stdout);  // what was said before stands before it
  std::fputs(line.c_str(), stderr);
  return exit;
}

}  // namespace brigade::cli
