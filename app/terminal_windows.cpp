#include "app/terminal.h"
#include "core/win32.h"

namespace sluice {

// A console, told to understand escape sequences as well.
bool stderr_is_terminal() noexcept {
    HANDLE console = ::GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode = 0;
    return ::GetConsoleMode(console, &mode) != 0 &&
           ::SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}

}  // namespace sluice
