# Imported target OpenDHT::opendht, a distributed hash table (GPL 3 or later). Without it Brigade is
# built all the same, and finds its peers as it does where the DHT is turned off.
#
# Looked for where the system has it, then where deploy/setup unpacks its headers on Debian 12:
# there the library is installed without the link that its development package would bring.
option(BRIGADE_DHT "Find members through OpenDHT, where it is installed" ON)

set(_brigade_cache "$ENV{BRIGADE_CACHE}")
if(NOT _brigade_cache)
  set(_brigade_cache "$ENV{HOME}/.cache/brigade")
endif()
if(BRIGADE_DHT)
  find_path(OpenDHT_INCLUDE_DIR opendht/dhtrunner.h
    HINTS "${_brigade_cache}/opendht-headers/usr/include")
  find_library(OpenDHT_LIBRARY NAMES opendht libopendht.so.2)
  find_library(OpenDHT_GNUTLS_LIBRARY gnutls)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenDHT
  REQUIRED_VARS OpenDHT_LIBRARY OpenDHT_INCLUDE_DIR OpenDHT_GNUTLS_LIBRARY
  REASON_FAILURE_MESSAGE "members are found without the DHT: deploy/setup installs it")

if(OpenDHT_FOUND AND NOT TARGET OpenDHT::opendht)
  add_library(OpenDHT::opendht SHARED IMPORTED)
  set_target_properties(OpenDHT::opendht PROPERTIES
    IMPORTED_LOCATION "${OpenDHT_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${OpenDHT_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${OpenDHT_GNUTLS_LIBRARY}")
endif()
