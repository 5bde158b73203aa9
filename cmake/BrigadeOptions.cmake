# Language, warnings, sanitizers and what is built: the switches behind CMakePresets.json.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

option(BRIGADE_TESTS "Build the tests" ON)
option(BRIGADE_BENCH "Build the benchmarks" OFF)
option(BRIGADE_TORCH "Build what needs libtorch (stage_runtime's mathematics, brigaded)" ON)
option(BRIGADE_NETWORK "Build what needs gRPC (proto, daemon, cli)" ON)
option(BRIGADE_FUZZ "Build the fuzz targets with libFuzzer (clang)" OFF)
option(BRIGADE_WERROR "Warnings are errors" ON)
set(BRIGADE_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

include_directories("${CMAKE_SOURCE_DIR}")  # includes start at the root: "swarm/node.hpp"

add_library(brigade_warnings INTERFACE)
target_compile_options(brigade_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees ghosts inside the standard library at -O2 and above.
  target_compile_options(brigade_warnings INTERFACE -Wno-restrict -Wno-array-bounds
    -Wno-stringop-overflow -Wno-maybe-uninitialized -Wno-dangling-pointer)
endif()
if(BRIGADE_WERROR)
  target_compile_options(brigade_warnings INTERFACE -Werror)
endif()

if(BRIGADE_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "BRIGADE_FUZZ needs clang, for libFuzzer: use the preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(BRIGADE_SANITIZE)
  add_compile_options(-fsanitize=${BRIGADE_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BRIGADE_SANITIZE})
endif()

# The same objects whatever folder the clone is in, so that ccache serves every clone.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
find_program(BRIGADE_CCACHE ccache)
if(BRIGADE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${BRIGADE_CCACHE})
endif()
find_program(BRIGADE_MOLD mold)
if(BRIGADE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# brigade_library(NAME [sources…]): one library a room, warnings on.
function(brigade_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PRIVATE brigade_warnings)
endfunction()
