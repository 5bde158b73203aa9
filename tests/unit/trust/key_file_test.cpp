#include "trust/key_file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

namespace brigade::trust {
namespace {

KeyFile owner_file(const std::filesystem::path& path) {
  return {path, "owner", "to make another swarm"};
}

/// Until it goes, this process can write no byte to a file: EFBIG where a full disk gives ENOSPC.
class FullDisk {
 public:
  FullDisk() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{0, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

}  // namespace

TEST_CASE("a key that was made is read back, and its file is its owner's alone") {
  const test::TemporaryFolder folder;
  const KeyFile file = owner_file(folder / "owner.pem");
  CHECK(load_key(file).error().code == ErrorCode::kNotFound);
  const SigningKey key = create_key(file).value();
  CHECK(load_key(file).value().public_key() == key.public_key());
  struct stat status {};
  REQUIRE(::stat(file.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(folder.count_files() == 1);
}

TEST_CASE("a key is never made over another one") {
  const test::TemporaryFolder folder;
  const KeyFile file = owner_file(folder / "owner.pem");
  const SigningKey key = create_key(file).value();
  const auto second = create_key(file);
  REQUIRE(second.has_error());
  CHECK(second.error().code == ErrorCode::kBadInput);
  CHECK(second.error().message == file.path.string() + ": there is an owner key already");
  CHECK(load_key(file).value().public_key() == key.public_key());
  CHECK(folder.count_files() == 1);
}

TEST_CASE("a key that others may read, or that is no file, is refused with what to do") {
  const test::TemporaryFolder folder;
  const KeyFile file = owner_file(folder / "owner.pem");
  REQUIRE(create_key(file).has_value());
  for (const mode_t mode : {0640u, 0604u, 0660u, 0601u}) {
    REQUIRE(::chmod(file.path.c_str(), mode) == 0);
    const auto loaded = load_key(file);
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().code == ErrorCode::kBadInput);
    CHECK(loaded.error().message.find("run chmod 600 on it") != std::string::npos);
  }
  const auto loaded = load_key(owner_file(folder.path()));
  REQUIRE(loaded.has_error());
  CHECK(loaded.error().message == folder.path().string() + ": the owner key is not a file");
}

TEST_CASE("a file that holds no key is refused with what to do") {
  const test::TemporaryFolder folder;
  const KeyFile file = owner_file(folder.write("owner.pem", "no key"));
  REQUIRE(::chmod(file.path.c_str(), 0600) == 0);
  const auto loaded = load_key(file);
  REQUIRE(loaded.has_error());
  CHECK(loaded.error().code == ErrorCode::kCorrupt);
  CHECK(loaded.error().message == file.path.string() +
                                      ": holds no Ed25519 private key in PEM: restore it from a "
                                      "backup, or remove it to make another swarm");
}

TEST_CASE("where the disk is full there is no key and no other file") {
  const test::TemporaryFolder folder;
  const KeyFile file = owner_file(folder / "owner.pem");
  {
    const FullDisk full;
    const auto made = create_key(file);
    REQUIRE(made.has_error());
    CHECK(made.error().code == ErrorCode::kIo);
    CHECK(made.error().message.starts_with(file.path.string() + ": cannot write the owner key: "));
  }
  CHECK(folder.count_files() == 0);
  CHECK(create_key(file).has_value());
}

TEST_CASE("a folder that cannot be written to is an error that names the file") {
  for (const char* path : {"/proc/owner.pem", "/nonexistent/owner.pem"}) {
    const auto made = create_key(owner_file(path));
    REQUIRE(made.has_error());
    CHECK(made.error().code == ErrorCode::kIo);
    CHECK(made.error().message.starts_with(std::string(path) + ": cannot create the owner key: "));
  }
}

}  // namespace brigade::trust
