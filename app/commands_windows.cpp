#include <fcntl.h>
#include <io.h>

#include <cstdio>

#include "app/commands.h"
#include "system/win32.h"
// after windows.h
#include <shellapi.h>

namespace sluice {

void prepare_streams() {
    (void)::_setmode(::_fileno(stdin), _O_BINARY);
    (void)::_setmode(::_fileno(stdout), _O_BINARY);
    (void)::_setmode(::_fileno(stderr), _O_BINARY);
    (void)::SetConsoleOutputCP(CP_UTF8);
}

// main() gets its arguments in the system's code page, which lacks most characters.
std::vector<std::string> arguments_of(int argc, char** argv) {
    int count = 0;
    wchar_t** wide = ::CommandLineToArgvW(::GetCommandLineW(), &count);
    if (wide == nullptr) {
        return {argv, argv + argc};
    }
    std::vector<std::string> arguments;
    arguments.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        arguments.push_back(win32::to_utf8(wide[i]).value_or(""));
    }
    ::LocalFree(static_cast<void*>(wide));
    return arguments;
}

}  // namespace sluice
