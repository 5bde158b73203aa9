#include "cli/swarm_folder.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"

namespace brigade::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kToml = "name = \"tiny\"\n";
constexpr std::uint64_t kNow = 1'800'000'000;

mode_t mode_of(const fs::path& file) {
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// The error's line; its code must be `code`.
template <class T>
std::string why(const Result<T>& result, ErrorCode code) {
  REQUIRE(result.has_error());
  CHECK(result.error().code == code);
  return result.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a swarm's folder holds its owner's key and the description that the key has signed") {
  const test::TemporaryFolder folder;
  const auto made = create_swarm(folder / "a/b/tiny", kToml, kNow).value();
  CHECK(made.swarm_toml == kToml);
  CHECK(made.created_unix_s == kNow);
  CHECK(made.revision == 1);
  CHECK(mode_of(folder / "a/b/tiny") == 0700);
  CHECK(mode_of(folder / "a/b/tiny/owner.pem") == 0600);
  const OwnedSwarm owned = load_owned_swarm(folder / "a/b/tiny").value();
  CHECK(owned.description == made);
  CHECK(owned.owner.public_key() == made.origin.owner);
  CHECK(load_description(folder / "a/b/tiny").value() == made);
  CHECK(load_description(folder / "a/b/tiny/swarm.signed").value() == made);
}

TEST_CASE("two swarms of one file are two swarms with two owners") {
  const test::TemporaryFolder folder;
  const auto one = create_swarm(folder / "one", kToml, kNow).value();
  const auto two = create_swarm(folder / "two/", kToml, kNow).value();
  CHECK(trust::id_of(one.origin) != trust::id_of(two.origin));
  CHECK(one.origin.owner != two.origin.owner);
}

TEST_CASE("what is there is not overwritten, and nothing else is left") {
  const test::TemporaryFolder folder;
  const auto made = create_swarm(folder / "tiny", kToml, kNow).value();
  folder.write("file", "dear");
  folder.write("taken/letter", "dear");
  for (const char* name : {"tiny", "tiny/", "file", "taken", "."}) {
    CAPTURE(name);
    const fs::path out = folder / name;
    CHECK(why(create_swarm(out, kToml, kNow), ErrorCode::kBadInput) ==
          out.string() + ": is there already, and nothing is overwritten: give another --out");
  }
  CHECK(load_owned_swarm(folder / "tiny").value().description == made);
  CHECK(folder.read("file") == "dear");
  CHECK(folder.read("taken/letter") == "dear");
  CHECK(folder.count_files() == 3);
}

TEST_CASE("an empty folder that the user has made is taken") {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "tiny");
  REQUIRE(create_swarm(folder / "tiny", kToml, kNow).has_value());
  CHECK(load_owned_swarm(folder / "tiny").has_value());
  CHECK(folder.count_files() == 1);
}

TEST_CASE("of several that make the same folder at the same time one succeeds") {
  const test::TemporaryFolder folder;
  std::vector<std::thread> makers;
  std::array<bool, 8> is_made{};
  for (bool& one : is_made) {
    makers.emplace_back([&] { one = create_swarm(folder / "tiny", kToml, kNow).has_value(); });
  }
  for (std::thread& maker : makers) maker.join();
  CHECK(std::count(is_made.begin(), is_made.end(), true) == 1);
  CHECK(load_owned_swarm(folder / "tiny").has_value());
  CHECK(folder.count_files() == 1);
}

TEST_CASE("where no folder can be made, the error names it") {
  const test::TemporaryFolder folder;
  folder.write("file", "dear");
  CHECK(has(why(create_swarm("/proc/tiny", kToml, kNow), ErrorCode::kIo), "/proc/tiny: cannot"));
  const fs::path below_file = folder / "file/tiny";
  CHECK(
      has(why(create_swarm(below_file, kToml, kNow), ErrorCode::kIo), (folder / "file").string()));
  CHECK(folder.count_files() == 1);
}

TEST_CASE("a swarm that cannot be described leaves no folder") {
  const test::TemporaryFolder folder;
  const std::string text = "\xff";
  CHECK(has(why(create_swarm(folder / "tiny", text, kNow), ErrorCode::kCorrupt),
            "no swarm was made"));
  CHECK(folder.count_files() == 0);
}

TEST_CASE("what is no description is refused with what to do") {
  const test::TemporaryFolder folder;
  CHECK(has(why(load_description(folder.path()), ErrorCode::kNotFound), "no swarm here"));
  CHECK(has(why(load_description(folder / "nothing"), ErrorCode::kNotFound), "no swarm here"));
  const fs::path file = folder.write("text", "hello");
  CHECK(why(load_description(file), ErrorCode::kCorrupt) ==
        file.string() + ": it is no signed statement: get it again from somebody who has it");
  REQUIRE(create_swarm(folder / "tiny", kToml, kNow).has_value());
  std::string bytes = folder.read("tiny/swarm.signed");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);  // of the signature
  const fs::path forged = folder.write("forged", bytes);
  CHECK(has(why(load_description(forged), ErrorCode::kCorrupt), "its signature is wrong"));
}

TEST_CASE("only with the owner's own key, kept to its owner, can be signed") {
  const test::TemporaryFolder folder;
  REQUIRE(create_swarm(folder / "one", kToml, kNow).has_value());
  REQUIRE(create_swarm(folder / "two", kToml, kNow).has_value());
  const fs::path key = folder / "one/owner.pem";

  REQUIRE(::chmod(key.c_str(), 0644) == 0);
  CHECK(has(why(load_owned_swarm(folder / "one"), ErrorCode::kBadInput), "chmod 600"));
  REQUIRE(::chmod(key.c_str(), 0600) == 0);
  CHECK(load_owned_swarm(folder / "one").has_value());

  fs::remove(key);
  CHECK(has(why(load_owned_swarm(folder / "one"), ErrorCode::kNotFound), "restore the key"));
  fs::copy_file(folder / "two/owner.pem", key);
  REQUIRE(::chmod(key.c_str(), 0600) == 0);
  CHECK(has(why(load_owned_swarm(folder / "one"), ErrorCode::kBadInput),
            "is not the key of this swarm's owner"));
}

TEST_CASE("the owner's own node gets what the owner has revoked, beside what it knows") {
  const test::TemporaryFolder folder;
  const auto made = create_swarm(folder / "tiny", kToml, kNow).value();
  const OwnedSwarm owned = load_owned_swarm(folder / "tiny").value();
  const auto revocations = [&](std::uint8_t first, std::uint8_t last) {
    trust::Revocations all(made.origin);
    for (std::uint8_t i = first; i <= last; ++i) {
      const trust::Revocation one{made.origin, NodeId{{i}}, kNow, "why"};
      REQUIRE(all.add(trust::sign_revocation(owned.owner, one).value()).value());
    }
    return all;
  };
  fs::create_directories(folder / "node");
  CHECK(load_owned_revocations(folder / "tiny", made.origin).value().all().empty());
  REQUIRE(hand_over_revocations(folder / "tiny", made.origin, folder / "node").has_value());
  CHECK(!fs::exists(folder / "node/revocations"));
  REQUIRE(trust::save_revocations(folder / "tiny/revocations", revocations(1, 3)).has_value());
  REQUIRE(trust::save_revocations(folder / "node/revocations", revocations(3, 5)).has_value());
  REQUIRE(hand_over_revocations(folder / "tiny", made.origin, folder / "node").has_value());
  CHECK(trust::load_revocations(folder / "node/revocations", made.origin).value().digest() ==
        revocations(1, 5).digest());
  CHECK(load_owned_revocations(folder / "tiny", made.origin).value().all().size() == 3);
  CHECK(load_owned_revocations(folder / "tiny/swarm.signed", made.origin).value().all().empty());
}

}  // namespace brigade::cli
