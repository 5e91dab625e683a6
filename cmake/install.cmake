# `cmake --install BUILD --prefix PREFIX` (./dev install): the program, the page, the documents and the
# systemd unit, which names the program's installed path.
install(TARGETS sluice RUNTIME DESTINATION bin)
install(DIRECTORY site DESTINATION share/sluice)
install(FILES README.md ARCHITECTURE.md LICENSE DESTINATION share/doc/sluice)
install(DIRECTORY docs DESTINATION share/doc/sluice)
install(CODE "set(unit_file \"${CMAKE_SOURCE_DIR}/packaging/sluice.service\")")
install(CODE [[
  file(READ "${unit_file}" unit)
  string(REPLACE "/usr/local/bin/" "${CMAKE_INSTALL_PREFIX}/bin/" unit "${unit}")
  set(unit_file "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/sluice.service")
  message(STATUS "Installing: ${unit_file}")
  file(WRITE "${unit_file}" "${unit}")
]])
