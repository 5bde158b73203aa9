// Where the data of tests lies. Known to one source file alone, so that all the others compile to
// the same objects in every clone and the compiler cache serves them.
#pragma once

#include <string>

namespace brigade::test {

/// The folder tests/ of the sources that this program was built from.
std::string tests_folder();

}  // namespace brigade::test
