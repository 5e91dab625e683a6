# llhttp from the distribution: Debian 12 ships its C sources (node-llhttp), Debian 13 a library
# (libllhttp-dev). From sources it is built twice, plain and for x86-64-v2: its range scan for field
# values uses SSE4.2 when compiled for it, which halves the time for a browser's head. The choice
# is made at run time (http/llhttp_dispatch.c).
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp /usr/include
  NO_CMAKE_FIND_ROOT_PATH)
find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)

if(LLHTTP_INCLUDE_DIR AND LLHTTP_SOURCE_DIR)
  add_library(sluice_llhttp STATIC ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c)
  target_include_directories(sluice_llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
  target_compile_options(sluice_llhttp PRIVATE -O3 -w)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    foreach(level IN ITEMS v1 v2)
      add_library(sluice_llhttp_${level} OBJECT ${LLHTTP_SOURCE_DIR}/llhttp.c)
      target_include_directories(sluice_llhttp_${level} SYSTEM PRIVATE ${LLHTTP_INCLUDE_DIR})
      target_compile_options(sluice_llhttp_${level} PRIVATE -O3 -w
        -Dllhttp__internal_execute=llhttp__internal_execute_${level}
        -Dllhttp__internal_init=llhttp__internal_init_${level})
      target_sources(sluice_llhttp PRIVATE $<TARGET_OBJECTS:sluice_llhttp_${level}>)
    endforeach()
    target_compile_options(sluice_llhttp_v2 PRIVATE -march=x86-64-v2)
    target_sources(sluice_llhttp PRIVATE ${CMAKE_CURRENT_LIST_DIR}/../http/llhttp_dispatch.c)
  else()
    target_sources(sluice_llhttp PRIVATE ${LLHTTP_SOURCE_DIR}/llhttp.c)
  endif()
else()
  find_library(LLHTTP_LIBRARY llhttp)
  if(NOT LLHTTP_INCLUDE_DIR OR NOT LLHTTP_LIBRARY)
    message(FATAL_ERROR "llhttp not found: install node-llhttp (Debian 12) or libllhttp-dev (13)")
  endif()
  add_library(sluice_llhttp INTERFACE)
  target_include_directories(sluice_llhttp SYSTEM INTERFACE ${LLHTTP_INCLUDE_DIR})
  target_link_libraries(sluice_llhttp INTERFACE ${LLHTTP_LIBRARY})
endif()
