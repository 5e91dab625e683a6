#include <sys/ioctl.h>
#include <unistd.h>

#include "app/terminal.h"

namespace sluice {

bool stderr_is_terminal() noexcept {
    return ::isatty(STDERR_FILENO) == 1;
}

unsigned stderr_columns() noexcept {
    constexpr unsigned kUsual = 80;
    winsize size{};
    const bool told = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return told ? size.ws_col : kUsual;
}

}  // namespace sluice
