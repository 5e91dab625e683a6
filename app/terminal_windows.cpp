#include "app/terminal.h"
#include "system/win32.h"

namespace sluice {

// A console, which is also set to interpret escape sequences.
bool stderr_is_terminal() noexcept {
    HANDLE console = ::GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode = 0;
    return ::GetConsoleMode(console, &mode) != 0 &&
           ::SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}

unsigned stderr_columns() noexcept {
    constexpr unsigned kUsual = 80;
    CONSOLE_SCREEN_BUFFER_INFO info{};
    const bool told = ::GetConsoleScreenBufferInfo(::GetStdHandle(STD_ERROR_HANDLE), &info) != 0 &&
                      info.srWindow.Right >= info.srWindow.Left;
    return told ? static_cast<unsigned>(info.srWindow.Right - info.srWindow.Left + 1) : kUsual;
}

}  // namespace sluice
