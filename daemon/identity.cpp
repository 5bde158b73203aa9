#include "daemon/identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/file.hpp"

namespace brigade::daemon {

namespace {

template <auto function>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;

constexpr std::size_t kMaxKeyFileBytes = 16 * 1024;  // a PEM Ed25519 key has 119 bytes
constexpr std::size_t kSerialBytes = 16;

Error openssl_error(const std::string& what) {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return make_error(ErrorCode::kIo, fmt::format("{}: OpenSSL: {}", what, text));
}

std::string to_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<NodeId> node_id_of_key(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return openssl_error("cannot encode a public key");
  NodeId id;
  SHA256(der, static_cast<std::size_t>(size), id.bytes.data());
  OPENSSL_free(der);
  return id;
}

Result<std::string> certificate_of(EVP_PKEY* key, const NodeId& id) {
  const Certificate certificate(X509_new());
  unsigned char serial[kSerialBytes];
  if (!certificate || RAND_bytes(serial, sizeof serial) != 1) {
    return openssl_error("cannot make a certificate");
  }
  serial[0] = (serial[0] & 0x7f) | 0x40;  // positive, and always of the same length
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
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
  return to_text(out.get());
}

Result<Identity> identity_of(EVP_PKEY* key) {
  Identity identity;
  BRIGADE_ASSIGN(identity.id, node_id_of_key(key));
  BRIGADE_ASSIGN(identity.certificate_pem, certificate_of(key, identity.id));
  const Bio out(BIO_new(BIO_s_mem()));
  if (!out ||
      PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("cannot encode a private key");
  }
  identity.private_key_pem = to_text(out.get());
  return identity;
}

Error system_error(const std::filesystem::path& file, std::string_view what) {
  return make_error(ErrorCode::kIo,
                    fmt::format("{}: {}: {}", file.string(), what, std::strerror(errno)));
}

/// Refuses a key that anybody else could have read.
Result<> check_permissions(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    const int reason = errno;
    if (reason == ENOENT) return make_error(ErrorCode::kNotFound, file.string());
    return system_error(file, "cannot look at the identity key");
  }
  if (!S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kBadInput,
                      fmt::format("{}: the identity key is not a file", file.string()));
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return make_error(
        ErrorCode::kBadInput,
        fmt::format("{}: others may read this identity key (mode {:04o}): run chmod 600 on it, or "
                    "remove it to get a new identity",
                    file.string(), status.st_mode & 07777));
  }
  return {};
}

Result<Identity> load_identity(const std::filesystem::path& file) {
  BRIGADE_TRY(check_permissions(file));
  BRIGADE_ASSIGN(const std::string text, read_file(file, kMaxKeyFileBytes));
  const Bio in = reader_of(text);
  // An empty passphrase instead of OpenSSL's prompt: an encrypted key is an error here.
  char no_passphrase[] = "";
  const Key key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, no_passphrase) : nullptr);
  ERR_clear_error();
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return make_error(ErrorCode::kCorrupt,
                      fmt::format("{}: holds no Ed25519 private key in PEM: restore it from a "
                                  "backup, or remove it to get a new identity",
                                  file.string()));
  }
  return identity_of(key.get());
}

/// Closes the descriptor and removes the temporary name, whatever happened.
struct TemporaryFile {
  std::string name;
  int descriptor = -1;
  ~TemporaryFile() {
    if (descriptor < 0) return;
    ::close(descriptor);
    ::unlink(name.c_str());
  }
};

/// Makes the folder entry durable; a file system that cannot is no reason to fail.
void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

/// True if `text` is now in `file`, false if another process was first. link(2) is the whole
/// trick: unlike rename it never replaces, and unlike O_EXCL on the name itself it never shows a
/// file that is still empty.
Result<bool> create_exclusively(const std::filesystem::path& file, const std::string& text) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  TemporaryFile temporary{(folder / ".identity.XXXXXX").string(), -1};
  temporary.descriptor = ::mkostemp(temporary.name.data(), O_CLOEXEC);  // mode 0600
  if (temporary.descriptor < 0) return system_error(file, "cannot create the identity key");
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t step =
        ::write(temporary.descriptor, text.data() + written, text.size() - written);
    if (step < 0 && errno == EINTR) continue;
    if (step <= 0) return system_error(file, "cannot write the identity key");
    written += static_cast<std::size_t>(step);
  }
  if (::fsync(temporary.descriptor) != 0) {
    return system_error(file, "cannot write the identity key");
  }
  if (::link(temporary.name.c_str(), file.c_str()) != 0) {
    if (errno == EEXIST) return false;
    return system_error(file, "cannot create the identity key");
  }
  sync_folder(folder);
  return true;
}

}  // namespace

Result<Identity> make_identity() {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return openssl_error("cannot make an Ed25519 key");
  return identity_of(key.get());
}

Result<Identity> load_or_create_identity(const std::filesystem::path& file) {
  Result<Identity> loaded = load_identity(file);
  if (loaded.has_value() || loaded.error().code != ErrorCode::kNotFound) return loaded;
  BRIGADE_ASSIGN(Identity made, make_identity());
  BRIGADE_ASSIGN(const bool is_ours, create_exclusively(file, made.private_key_pem));
  if (!is_ours) return load_identity(file);
  return made;
}

Result<NodeId> node_id_of_certificate(std::string_view pem) {
  const Bio in = reader_of(pem);
  const Certificate certificate(in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)
                                   : nullptr);
  EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
  ERR_clear_error();
  if (key == nullptr) {
    return make_error(ErrorCode::kProtocol, "its certificate cannot be read");
  }
  if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
    return make_error(ErrorCode::kProtocol, "its certificate holds no Ed25519 key");
  }
  return node_id_of_key(key);
}

}  // namespace brigade::daemon
