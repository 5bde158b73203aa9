// Catch2 2 (Debian 12) and 3 (elsewhere) under one name.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_ENABLE_BENCHMARKING
#include <catch2/catch.hpp>
#endif

#if CATCH_VERSION_MAJOR >= 3
using Catch::Approx;
#endif

#include <string>

#include "base/result.hpp"

/// REQUIRE(result) shows the error of a failure; values need not be printable.
template <class T>
struct Catch::StringMaker<brigade::Result<T>> {
  static std::string convert(const brigade::Result<T>& result) {
    return result ? "a value" : "error: " + result.error().message;
  }
};
