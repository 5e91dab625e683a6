# Header-only libraries of the distribution, for cross builds. The system's include folder also has the
# C library's headers, which a cross build must not see.
function(sluice_host_headers)
  set(folder ${CMAKE_BINARY_DIR}/host_headers)
  file(MAKE_DIRECTORY ${folder})
  foreach(name IN LISTS ARGN)
    if(NOT EXISTS /usr/include/${name})
      message(FATAL_ERROR "header not found: /usr/include/${name}")
    endif()
    if(NOT EXISTS ${folder}/${name})
      file(CREATE_LINK /usr/include/${name} ${folder}/${name} SYMBOLIC)
    endif()
  endforeach()
endfunction()

sluice_host_headers(fmt CLI nlohmann xxhash.h)
foreach(name IN ITEMS fmt::fmt CLI11::CLI11 nlohmann_json::nlohmann_json PkgConfig::XXHASH)
  add_library(${name} INTERFACE IMPORTED)
  target_include_directories(${name} SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/host_headers)
endforeach()
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)

# xxHash's header contains the library too.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/xxhash.c CONTENT
  "#define XXH_STATIC_LINKING_ONLY\n#define XXH_IMPLEMENTATION\n#include <xxhash.h>\n" @ONLY)
add_library(sluice_xxhash STATIC ${CMAKE_BINARY_DIR}/xxhash.c)
target_include_directories(sluice_xxhash SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/host_headers)
target_link_libraries(PkgConfig::XXHASH INTERFACE sluice_xxhash)

# Only static libraries for Windows can be used (zlib).
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
