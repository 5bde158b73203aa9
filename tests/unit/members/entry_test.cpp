#include "daemon/members/entry.hpp"

#include <filesystem>

#include "base/file.hpp"
#include "daemon/members/keeper.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

namespace brigade::daemon {
namespace {

namespace fs = std::filesystem;

TEST_CASE("who moves keeps its checkpoints for others, without what lies beside them for repeats") {
  const test::TemporaryFolder folder;
  config::NodeConfig node;
  node.state_dir = folder.path();
  const fs::path own = folder.path() / "checkpoints";
  const fs::path kept = Keeper::folder_of(keeps_folder(folder.path()), StageIndex(1));
  const std::string name = "step-000000000010-e1";
  fs::create_directories(own);
  REQUIRE(write_file_atomically(own / (name + ".safetensors"), "weights").has_value());
  REQUIRE(write_file_atomically(own / (name + ".kept"), "gradients").has_value());
  REQUIRE(change_stage(node, 1, 2).has_value());
  CHECK(fs::is_empty(own));
  CHECK(fs::exists(kept / (name + ".safetensors")));
  CHECK_FALSE(fs::exists(kept / (name + ".kept")));
  own_what_was_kept(node, 1);
  CHECK(fs::exists(own / (name + ".safetensors")));
  CHECK_FALSE(fs::exists(own / (name + ".kept")));
}

}  // namespace
}  // namespace brigade::daemon
