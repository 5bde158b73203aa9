#include "daemon/identity.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <memory>

#include "trust/key.hpp"
#include "trust/key_file.hpp"
#include "trust/openssl.hpp"

namespace brigade::daemon {

namespace {

using trust::Bio;
using trust::openssl_error;
using Certificate = std::unique_ptr<X509, trust::OpensslDeleter<X509_free>>;

constexpr std::size_t kSerialBytes = 16;

Result<std::string> certificate_of(EVP_PKEY* key, const NodeId& id) {
  const Certificate certificate(X509_new());
  unsigned char serial[kSerialBytes];
  if (!certificate || RAND_bytes(serial, sizeof serial) != 1) {
    return openssl_error("cannot make a certificate");
  }
  serial[0] = (serial[0] & 0x7f) | 0x40;  // positive, and always of the same length
  const std::unique_ptr<BIGNUM, trust::OpensslDeleter<BN_free>> number(
      BN_bin2bn(serial, sizeof serial, nullptr));
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const std::string text = "brigade node " + to_short(id);
  const bool done =
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
      ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate.get()), "20000101000000Z") == 1 &&
      ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate.get()), "99991231235959Z") == 1 &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1,
                                 0) == 1 &&
      X509_set_issuer_name(certificate.get(), name) == 1 &&
      X509_set_pubkey(certificate.get(), key) == 1 &&
      X509_sign(certificate.get(), key, nullptr) > 0;  // Ed25519 brings its own digest
  const Bio out(BIO_new(BIO_s_mem()));
  if (!done || !out || PEM_write_bio_X509(out.get(), certificate.get()) != 1) {
    return openssl_error("cannot make a certificate");
  }
  return trust::to_text(out.get());
}

Result<Identity> identity_of(const trust::SigningKey& key) {
  Identity identity;
  identity.id = trust::node_id_of(key.public_key());
  BRIGADE_ASSIGN(identity.certificate_pem, certificate_of(key.native(), identity.id));
  BRIGADE_ASSIGN(identity.private_key_pem, key.to_pem());
  return identity;
}

}  // namespace

Result<Identity> make_identity() {
  BRIGADE_ASSIGN(const trust::SigningKey key, trust::SigningKey::make());
  return identity_of(key);
}

Result<Identity> load_or_create_identity(const std::filesystem::path& file) {
  BRIGADE_ASSIGN(const trust::SigningKey key,
                 trust::load_or_create_key({file, "identity", "to get a new identity"}));
  return identity_of(key);
}

Result<NodeId> node_id_of_certificate(std::string_view pem) {
  const Bio in = trust::reader_of(pem);
  const Certificate certificate(in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)
                                   : nullptr);
  EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
  ERR_clear_error();
  if (key == nullptr) {
    return make_error(ErrorCode::kProtocol, "its certificate cannot be read");
  }
  const auto public_key = trust::public_key_of(key);
  if (!public_key) {
    return make_error(ErrorCode::kProtocol, "its certificate holds no Ed25519 key");
  }
  return trust::node_id_of(*public_key);
}

}  // namespace brigade::daemon
