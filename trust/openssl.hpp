// Owners for OpenSSL's objects, and its errors as ours.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace brigade::trust {

template <auto function>
struct OpensslDeleter {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Bio = std::unique_ptr<BIO, OpensslDeleter<BIO_free_all>>;

/// `what` went wrong, with OpenSSL's first reason; its queue of errors is empty afterwards. kIo.
Error openssl_error(const std::string& what);
/// Reads `text`, which must outlive it.
Bio reader_of(std::string_view text);
/// What was written to a memory BIO.
std::string to_text(BIO* bio);

}  // namespace brigade::trust
