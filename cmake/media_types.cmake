# The table of media types by extension: our own list, then Debian's, as a header in the build
# directory. Made while configuring, so that all tools that read the sources find it.
set(MEDIA_TYPES_LIST /etc/mime.types)
set(MEDIA_TYPES_OWN ${CMAKE_SOURCE_DIR}/content/mime.types)
if(NOT EXISTS ${MEDIA_TYPES_LIST})
  message(FATAL_ERROR "media types not found: ${MEDIA_TYPES_LIST}; install media-types")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${MEDIA_TYPES_LIST} ${MEDIA_TYPES_OWN})

# The first line with an extension counts. For extensions that Debian lists twice, this is the
# registered type.
function(sluice_media_types header)
  set(extensions "")
  foreach(list IN ITEMS ${MEDIA_TYPES_OWN} ${MEDIA_TYPES_LIST})
    file(STRINGS ${list} lines REGEX "^[^#].*[ \t].")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "#.*$" "" line "${line}")
      string(REGEX REPLACE "[ \t]+" ";" names "${line}")
      list(POP_FRONT names type)
      if(NOT type MATCHES "^([A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+|-)$")
        continue()  # the administrator may have edited the list
      endif()
      # Browsers show text/plain, but offer to save types that they do not know.
      string(TOLOWER "${type}" lower)
      if(lower MATCHES "^text/x-")
        set(type text/plain)
      endif()
      foreach(extension IN LISTS names)
        string(TOLOWER "${extension}" extension)
        if(extension MATCHES "^[a-z0-9%+_.~-]+$" AND NOT DEFINED "type_of_${extension}")
          set("type_of_${extension}" "${type}")
          list(APPEND extensions "${extension}")
        endif()
      endforeach()
    endforeach()
  endforeach()
  list(SORT extensions)
  set(table "")
  foreach(extension IN LISTS extensions)
    if(NOT type_of_${extension} STREQUAL "-")
      string(APPEND table "    {\"${extension}\", \"${type_of_${extension}}\"},\n")
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${header} CONTENT "// From ${MEDIA_TYPES_OWN} and ${MEDIA_TYPES_LIST}.\n\
#pragma once\n\n#include <array>\n#include <string_view>\n\nnamespace sluice::http {\n\n\
struct MediaTypeOfExtension {\n    std::string_view extension;\n    std::string_view type;\n};\n\n\
inline constexpr auto kMediaTypes = std::to_array<MediaTypeOfExtension>({\n${table}});\n\n\
}  // namespace sluice::http\n" @ONLY)
endfunction()
sluice_media_types(${CMAKE_BINARY_DIR}/generated/media_types.h)
