// Expected failures as values. A bug of ours is a BRIGADE_CHECK (base/check.hpp), never an Error.
#pragma once

#include <boost/system/result.hpp>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace brigade {

enum class ErrorCode {
  kBadInput,     // a file, flag or setting of the user is wrong: exit code 2 for flags, else 1
  kNotFound,     // a file or a peer that should exist does not
  kCorrupt,      // checksum or structure of stored bytes is wrong
  kIo,           // the operating system refused: disk full, permission, port in use
  kProtocol,     // a peer sent what it must not send
  kUnavailable,  // not now: no link, no device; worth a retry
  kLimit,        // a bound of base/limits.hpp was reached
  kUnsupported,  // this build or machine cannot do it
  kCancelled,    // asked to stop: never logged as a failure
};

std::string_view to_string(ErrorCode code);

/// What went wrong, where, and what to do, in one line without a full stop at its end.
struct Error {
  ErrorCode code = ErrorCode::kBadInput;
  std::string message;
};

/// Makes `Result<T>::value()` on an error throw a readable exception; product code tests first.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::runtime_error(error.message);
}

/// A value or an Error; ignoring one is a warning, hence an error.
template <class T = void>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

inline Error make_error(ErrorCode code, std::string message) {
  return {code, std::move(message)};
}

/// Returns from the enclosing function with the error of `expr` if it has one.
#define BRIGADE_TRY(expr)                                     \
  do {                                                        \
    if (auto brigade_try_ = (expr); brigade_try_.has_error()) \
      return std::move(brigade_try_).error();                 \
  } while (false)

/// `BRIGADE_ASSIGN(auto x, f());` binds the value of `f()` or returns with its error.
#define BRIGADE_CONCAT_(a, b) a##b
#define BRIGADE_CONCAT(a, b) BRIGADE_CONCAT_(a, b)
#define BRIGADE_ASSIGN(decl, expr)                                       \
  auto BRIGADE_CONCAT(brigade_result_, __LINE__) = (expr);               \
  if (BRIGADE_CONCAT(brigade_result_, __LINE__).has_error())             \
    return std::move(BRIGADE_CONCAT(brigade_result_, __LINE__)).error(); \
  decl = std::move(BRIGADE_CONCAT(brigade_result_, __LINE__)).value()

}  // namespace brigade
