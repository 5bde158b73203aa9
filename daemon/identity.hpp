// Who a node is: an Ed25519 key made on first start. The id is the SHA-256 of the public key as
// SubjectPublicKeyInfo (DER), so whoever proves the key in the TLS handshake proves the id.
//
// The certificate is made in memory at every start: self-signed, its dates wide enough that no
// clock matters. Nobody verifies its signature chain; peers pin the key inside it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace brigade::daemon {

struct Identity {
  NodeId id;
  std::string private_key_pem;
  std::string certificate_pem;
};

/// Reads the key, or makes one with mode 0600 where there is none. The file appears whole or not
/// at all, and two daemons that start at once agree on one key. kIo; kBadInput if others may read
/// the file; kCorrupt if it holds no Ed25519 key.
Result<Identity> load_or_create_identity(const std::filesystem::path& file);

/// An identity that no file holds: for tests and tools.
Result<Identity> make_identity();

/// The id that a peer's certificate proves. kProtocol unless it is one PEM certificate with an
/// Ed25519 key.
Result<NodeId> node_id_of_certificate(std::string_view pem);

}  // namespace brigade::daemon
