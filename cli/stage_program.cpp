#include "cli/stage_program.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/child.hpp"

namespace brigade::cli {

Exit become_stage_program(const std::string& command, const std::vector<std::string>& arguments) {
  const auto program = find_program("brigade-stage");
  if (!program) return fail(Exit::kFailed, program.error());
  std::vector<char*> argv = {const_cast<char*>(program->c_str()),
                             const_cast<char*>(command.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::fflush(nullptr);
  ::execv(program->c_str(), argv.data());
  return fail(Exit::kFailed,
              fmt::format("{}: cannot start: {}", program->string(), std::strerror(errno)));
}

}  // namespace brigade::cli
