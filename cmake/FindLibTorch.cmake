# Imported target LibTorch::cpu: libtorch_cpu and libc10, nothing else. The CUDA backend is loaded
# at run time where a driver is (stage_runtime/device.cpp), so one binary serves both machines.
#
# Torch's own package file is not used: it fails with CMake 3.25 beside CUDA 13, and it puts an old
# protoc before the system's. Its include folder also holds an old google/protobuf: a source that
# includes torch must not include our protobuf headers (the rooms keep them apart).
#
# Looked for in CMAKE_PREFIX_PATH (an unpacked official libtorch), then where deploy/setup puts it.
set(_brigade_cache "$ENV{BRIGADE_CACHE}")
if(NOT _brigade_cache)
  set(_brigade_cache "$ENV{HOME}/.cache/brigade")
endif()
set(_libtorch_hints ${CMAKE_PREFIX_PATH} "${_brigade_cache}/libtorch-2.11.0")

# A build folder may outlive the libtorch that it was configured with.
if(LibTorch_CPU_LIBRARY AND NOT EXISTS "${LibTorch_CPU_LIBRARY}")
  unset(LibTorch_INCLUDE_DIR CACHE)
  unset(LibTorch_CPU_LIBRARY CACHE)
  unset(LibTorch_C10_LIBRARY CACHE)
endif()
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h HINTS ${_libtorch_hints} PATH_SUFFIXES include)
find_library(LibTorch_CPU_LIBRARY torch_cpu HINTS ${_libtorch_hints} PATH_SUFFIXES lib)
find_library(LibTorch_C10_LIBRARY c10 HINTS ${_libtorch_hints} PATH_SUFFIXES lib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run deploy/setup, or give an unpacked libtorch in CMAKE_PREFIX_PATH")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  get_filename_component(LibTorch_LIBRARY_DIR "${LibTorch_CPU_LIBRARY}" DIRECTORY)
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES IMPORTED_LOCATION "${LibTorch_C10_LIBRARY}")
  add_library(LibTorch::cpu SHARED IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES
    IMPORTED_LOCATION "${LibTorch_CPU_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES
      "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES LibTorch::c10
    # libcudart.so.13 and libcupti.so.13, which libtorch_cpu names, lie beside it.
    INTERFACE_LINK_OPTIONS "LINKER:-rpath-link,${LibTorch_LIBRARY_DIR}")
endif()
