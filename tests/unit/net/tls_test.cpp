// The handshake as another TLS library's client sees it: OpenSSL alone, no gRPC.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <memory>

#include "tests/catch.hpp"
#include "tests/unit/net/swarm_of_two.hpp"

namespace brigade::daemon::testing {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

Context context_of(const Identity& identity, int version) {
  Context context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  const Bio certificate_text(BIO_new_mem_buf(identity.certificate_pem.data(), -1), &BIO_free_all);
  const Bio key_text(BIO_new_mem_buf(identity.private_key_pem.data(), -1), &BIO_free_all);
  X509* certificate = PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr);
  SSL_CTX_use_certificate(context.get(), certificate);
  SSL_CTX_use_PrivateKey(context.get(), key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  const unsigned char http2[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context.get(), http2, sizeof http2);
  return context;
}

/// The protocol version that the node agreed to, 0 where it refused.
int negotiated(const std::string& address, const Identity& identity, int version) {
  const Context context = context_of(identity, version);
  const Bio connection(BIO_new_ssl_connect(context.get()), &BIO_free_all);
  BIO_set_conn_hostname(connection.get(), address.c_str());
  const bool is_done = BIO_do_handshake(connection.get()) == 1;
  SSL* ssl = nullptr;
  BIO_get_ssl(connection.get(), &ssl);
  ERR_clear_error();
  return is_done ? SSL_version(ssl) : 0;
}

TEST_CASE("TLS 1.3 is spoken, TLS 1.2 is refused") {
  const Identity peer = identity_or_die();
  TransportOptions options = quick_options(identity_or_die(), 1);
  options.peers = {{peer.id, "", StageIndex(0)}};
  TestNode node(options);
  REQUIRE(node.start().has_value());
  CHECK(negotiated(node.address(), peer, TLS1_3_VERSION) == TLS1_3_VERSION);
  CHECK(negotiated(node.address(), peer, TLS1_2_VERSION) == 0);
}

}  // namespace
}  // namespace brigade::daemon::testing
