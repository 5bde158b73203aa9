#include "cli/run_folder.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

struct TemporaryFolder {
  fs::path path;
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "brigade-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { fs::remove_all(path); }
};

void touch(const fs::path& file) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "x";
}

}  // namespace

TEST_CASE("a folder that holds a run is neither overwritten nor deleted unasked") {
  const TemporaryFolder temporary;
  const fs::path out = temporary.path / "out";
  {
    const auto folder = RunFolder::create(out, false);
    REQUIRE(folder);
    touch(folder->swarm_file());
    touch(folder->node(0) / "checkpoints" / "step.safetensors");
    touch(out / "notes.txt");
  }
  const auto refused = RunFolder::create(out, false);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message.find("--resume") != std::string::npos);
  CHECK(fs::exists(out / "swarm.toml"));

  const auto replaced = RunFolder::create(out, true);
  REQUIRE(replaced);
  CHECK_FALSE(fs::exists(out / "swarm.toml"));
  CHECK_FALSE(fs::exists(out / "node-0"));
  CHECK(fs::exists(out / "notes.txt"));  // not ours
}

TEST_CASE("what a start that failed has left does not stand in the way") {
  const TemporaryFolder temporary;
  const fs::path out = temporary.path / "out";
  {
    const auto folder = RunFolder::create(out, false);
    REQUIRE(folder);
    touch(folder->swarm_file());
    touch(folder->node_file(0));
  }
  CHECK(RunFolder::create(out, false));
}

TEST_CASE("a folder with other people's files is never taken") {
  const TemporaryFolder temporary;
  touch(temporary.path / "letter.txt");
  for (const bool replaces : {false, true}) {
    const auto refused = RunFolder::create(temporary.path, replaces);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find("give another --out") != std::string::npos);
  }
  CHECK(fs::exists(temporary.path / "letter.txt"));
}

TEST_CASE("one run at a time uses a folder") {
  const TemporaryFolder temporary;
  const auto first = RunFolder::create(temporary.path / "out", false);
  REQUIRE(first);
  const auto second = RunFolder::create(temporary.path / "out", false);
  REQUIRE(second.has_error());
  CHECK(second.error().message.find("another brigade local") != std::string::npos);
}

TEST_CASE("only a run can be resumed") {
  const TemporaryFolder temporary;
  const auto refused = RunFolder::reopen(temporary.path / "nothing");
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == ErrorCode::kNotFound);
}

TEST_CASE("a control socket's path is short enough for the kernel, however deep the folder lies") {
  const RunFolder near{fs::path("/tmp/out/")};
  CHECK(near.control_socket(3) == "/tmp/out/node-3/control.sock");
  const RunFolder deep{fs::path("/tmp/" + std::string(120, 'x'))};
  const RunFolder other{fs::path("/tmp/" + std::string(120, 'y'))};
  CHECK(deep.control_socket(3).string().size() <= 107);
  CHECK(deep.control_socket(3) != deep.control_socket(4));
  CHECK(deep.control_socket(3) != other.control_socket(3));
}

TEST_CASE("the folders of all stages that a run ever had are found") {
  const TemporaryFolder temporary;
  const auto folder = RunFolder::create(temporary.path / "out", false);
  REQUIRE(folder);
  for (const std::uint32_t stage : {0u, 1u, 3u}) touch(folder->node_file(stage));
  touch(folder->root() / "node-x" / "node.toml");
  CHECK(folder->node_folders().size() == 3);
}

}  // namespace brigade::cli
