#include "daemon/tls.hpp"

#include <fmt/format.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <cstdlib>
#include <utility>

namespace brigade::daemon {

namespace {

using grpc::experimental::CertificateVerifier;
using grpc::experimental::ExternalCertificateVerifier;
using grpc::experimental::StaticDataCertificateProvider;
using grpc::experimental::TlsCustomVerificationCheckRequest;

/// Must run before gRPC makes its first TLS context: it reads the variable once.
void refuse_tls12() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES128-GCM-SHA256", /*overwrite=*/1);
  });
}

std::string_view view(grpc::string_ref text) {
  return {text.data(), text.size()};
}

/// A synchronous decision about the peer's id, as gRPC wants it.
class PinningVerifier : public ExternalCertificateVerifier {
 public:
  using Decide = std::function<Result<>(const Result<NodeId>& peer)>;
  explicit PinningVerifier(Decide decide) : decide_(std::move(decide)) {}

  bool Verify(TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* status) override {
    const Result<> decision = decide_(node_id_of_certificate(view(request->peer_cert())));
    *status = decision.has_value()
                  ? grpc::Status::OK
                  : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, decision.error().message);
    return true;
  }
  void Cancel(TlsCustomVerificationCheckRequest*) override {}

 private:
  Decide decide_;
};

std::shared_ptr<StaticDataCertificateProvider> provider_of(const Identity& identity) {
  return std::make_shared<StaticDataCertificateProvider>(
      std::vector<grpc::experimental::IdentityKeyCertPair>{
          {identity.private_key_pem, identity.certificate_pem}});
}

}  // namespace

void DialVerdict::set(State state, std::string reason) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  reason_ = std::move(reason);
}

DialVerdict::State DialVerdict::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::string DialVerdict::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

std::shared_ptr<grpc::ServerCredentials> make_server_credentials(const Identity& identity,
                                                                 AcceptPolicy policy) {
  refuse_tls12();
  auto decide = [policy = std::move(policy)](const Result<NodeId>& peer) -> Result<> {
    std::string reason;
    if (peer.has_error()) {
      reason = "refused a connection: " + peer.error().message;
    } else if (!policy.is_welcome(*peer)) {
      reason = fmt::format("refused a connection: no [[peers]] entry has the id {}", to_hex(*peer));
    } else {
      return {};
    }
    policy.on_refused(reason);
    return make_error(ErrorCode::kProtocol, std::move(reason));
  };
  grpc::experimental::TlsServerCredentialsOptions options(provider_of(identity));
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  options.set_certificate_verifier(
      ExternalCertificateVerifier::Create<PinningVerifier>(std::move(decide)));
  options.set_check_call_host(false);
  return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> make_dial_credentials(
    const Identity& identity, const NodeId& expected, std::shared_ptr<DialVerdict> verdict) {
  refuse_tls12();
  auto decide = [expected, verdict = std::move(verdict)](const Result<NodeId>& peer) -> Result<> {
    if (peer.has_value() && *peer == expected) {
      verdict->set(DialVerdict::State::kAccepted, {});
      return {};
    }
    std::string reason = peer.has_error() ? peer.error().message
                                          : fmt::format("it proved the id {}, expected {}",
                                                        to_hex(*peer), to_hex(expected));
    verdict->set(DialVerdict::State::kRefused, reason);
    return make_error(ErrorCode::kProtocol, std::move(reason));
  };
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider_of(identity));
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(false);  // no chain to verify: the verifier below decides
  options.set_certificate_verifier(
      ExternalCertificateVerifier::Create<PinningVerifier>(std::move(decide)));
  options.set_check_call_host(false);
  return grpc::experimental::TlsCredentials(options);
}

Result<NodeId> node_id_of_peer(const grpc::AuthContext& context) {
  const std::vector<grpc::string_ref> certificates =
      context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (certificates.size() != 1) {
    return make_error(ErrorCode::kProtocol, "it showed no certificate");
  }
  return node_id_of_certificate(view(certificates.front()));
}

}  // namespace brigade::daemon
