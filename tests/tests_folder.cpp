#include "tests/tests_folder.hpp"

namespace brigade::test {

std::string tests_folder() {
  return BRIGADE_TESTS_DIR;
}

}  // namespace brigade::test
