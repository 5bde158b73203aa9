// Mutual TLS 1.3 between nodes whose certificates are self-signed: what counts is the key inside,
// and that the handshake proved its possession. The chain and the dates are not looked at.
//
// gRPC 1.51 has no public setting for the lowest TLS version (1.2 by default). TLS 1.2 is refused
// all the same: the only suite offered for it needs an RSA certificate, and no node has one.
//
// Threading: verifiers are called on gRPC's threads.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "daemon/identity.hpp"

namespace brigade::daemon {

/// What became of the other end's certificate while a dial was tried; gRPC itself reports only
/// that the connection failed.
class DialVerdict {
 public:
  enum class State { kUnknown, kAccepted, kRefused };
  void set(State state, std::string reason);
  State state() const;
  std::string reason() const;  // of a refusal

 private:
  mutable std::mutex mutex_;
  State state_ = State::kUnknown;
  std::string reason_;
};

/// Admits peers for which `is_welcome` is true; every refusal is told to `on_refused` in one line.
struct AcceptPolicy {
  std::function<bool(const NodeId&)> is_welcome;
  std::function<void(const std::string& reason)> on_refused;
};

std::shared_ptr<grpc::ServerCredentials> make_server_credentials(const Identity& identity,
                                                                 AcceptPolicy policy);

/// Accepts one peer alone: the one with id `expected`.
std::shared_ptr<grpc::ChannelCredentials> make_dial_credentials(
    const Identity& identity, const NodeId& expected, std::shared_ptr<DialVerdict> verdict);

/// The id of an authenticated peer, from gRPC's view of its certificate.
Result<NodeId> node_id_of_peer(const grpc::AuthContext& context);

}  // namespace brigade::daemon
