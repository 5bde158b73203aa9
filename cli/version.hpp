// Which Brigade this is; set by the build from project(VERSION).
#pragma once

namespace brigade::cli {

inline constexpr const char* kVersion = BRIGADE_VERSION;

}  // namespace brigade::cli
