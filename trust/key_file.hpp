// A private key on disk: mode 0600, whole or not there, made once.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.hpp"
#include "trust/key.hpp"

namespace brigade::trust {

/// What a key is for, in errors: "identity", "owner".
struct KeyFile {
  std::filesystem::path path;
  std::string_view purpose;
  std::string_view without_it;  // what happens if it is removed: "to get a new identity"
};

/// kNotFound; kIo; kBadInput if others may read the file; kCorrupt if it holds no Ed25519 key.
Result<SigningKey> load_key(const KeyFile& file);
/// Makes a new key there. kBadInput if the file exists.
Result<SigningKey> create_key(const KeyFile& file);
/// Reads the key, or makes one where there is none; two processes that start at once agree on one.
Result<SigningKey> load_or_create_key(const KeyFile& file);

}  // namespace brigade::trust
