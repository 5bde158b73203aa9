#include "daemon/identity.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "base/file.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

namespace brigade::daemon {
namespace {

void write(const std::filesystem::path& file, const std::string& text, mode_t mode) {
  std::ofstream(file) << text;
  ::chmod(file.c_str(), mode);
}

TEST_CASE("an identity survives a restart") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "identity.pem";
  const Identity first = load_or_create_identity(file).value();
  const Identity second = load_or_create_identity(file).value();
  CHECK(first.id == second.id);
  CHECK(first.private_key_pem == second.private_key_pem);
  CHECK_FALSE(first.id.is_zero());
}

TEST_CASE("a new key is readable by its owner alone and leaves no other file") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "identity.pem";
  REQUIRE(load_or_create_identity(file).has_value());
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto entries = std::filesystem::directory_iterator(folder.path());
  CHECK(std::distance(std::filesystem::begin(entries), std::filesystem::end(entries)) == 1);
}

TEST_CASE("daemons that start at the same time agree on one key") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "identity.pem";
  std::vector<NodeId> ids(8);
  std::vector<std::thread> starters;
  for (NodeId& id : ids) {
    starters.emplace_back([&id, &file] { id = load_or_create_identity(file).value().id; });
  }
  for (std::thread& starter : starters) starter.join();
  CHECK(std::set<NodeId>(ids.begin(), ids.end()).size() == 1);
}

TEST_CASE("a key that others may read is refused with what to do") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "identity.pem";
  REQUIRE(load_or_create_identity(file).has_value());
  for (const mode_t mode : {0640u, 0604u, 0660u}) {
    ::chmod(file.c_str(), mode);
    const Result<Identity> loaded = load_or_create_identity(file);
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().code == ErrorCode::kBadInput);
    CHECK(loaded.error().message.find("chmod 600") != std::string::npos);
  }
}

TEST_CASE("a file that holds no Ed25519 key is refused and not overwritten") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "identity.pem";
  const std::string pem = make_identity().value().private_key_pem;
  for (const std::string& text :
       {std::string(), std::string("no key"), pem.substr(0, pem.size() / 2)}) {
    write(file, text, 0600);
    const Result<Identity> loaded = load_or_create_identity(file);
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().code == ErrorCode::kCorrupt);
    CHECK(read_file(file, 4096).value() == text);
  }
}

TEST_CASE("a folder that does not exist is an error that names the file") {
  const Result<Identity> loaded = load_or_create_identity("/nonexistent/folder/identity.pem");
  REQUIRE(loaded.has_error());
  CHECK(loaded.error().code == ErrorCode::kIo);
  CHECK(loaded.error().message.find("/nonexistent/folder/identity.pem") != std::string::npos);
}

TEST_CASE("a certificate proves the id of the key inside it") {
  const Identity identity = make_identity().value();
  CHECK(node_id_of_certificate(identity.certificate_pem).value() == identity.id);
  CHECK(node_id_of_certificate("").has_error());
  CHECK(node_id_of_certificate(identity.private_key_pem).has_error());
  CHECK(node_id_of_certificate(identity.certificate_pem.substr(0, 200)).has_error());
}

}  // namespace
}  // namespace brigade::daemon
