#include "cli/exit.hpp"

#include <cstdio>
#include <string>

namespace brigade::cli {

namespace {

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace

Exit fail(Exit exit, std::string_view message) {
  std::string line = "brigade: ";
  for (const char c : message) line += is_control(c) ? ' ' : c;
  while (line.ends_with(' ')) line.pop_back();
  line += '\n';
  std::fflush(stdout);  // what was said before stands before it
  std::fputs(line.c_str(), stderr);
  return exit;
}

}  // namespace brigade::cli
