#include "cli/child.hpp"

#include "tests/catch.hpp"

namespace brigade::cli {

TEST_CASE("how a child ended is said in words") {
  CHECK(describe_exit(9) == "was killed by signal 9 (SIGKILL)");
  CHECK(describe_exit(11) == "was killed by signal 11 (SIGSEGV)");
  CHECK(describe_exit(3 << 8) == "exited with code 3");
}

TEST_CASE("a program's output, its last words and its exit are kept apart") {
  const auto output =
      run_program("/bin/sh", {"-c", "echo out; echo first >&2; echo last >&2; exit 7"},
                  std::chrono::seconds{30});
  REQUIRE(output);
  CHECK(output->out == "out\n");
  CHECK(output->last_error_line == "last");
  CHECK(describe_exit(output->status) == "exited with code 7");
}

TEST_CASE("a program that does not exist is an error, not an exit") {
  const auto output = run_program("/nonexistent/program", {}, std::chrono::seconds{30});
  REQUIRE(output.has_error());
  CHECK(output.error().message.find("/nonexistent/program: cannot start") == 0);
}

}  // namespace brigade::cli
