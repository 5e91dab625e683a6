#include <unistd.h>

#include "app/terminal.h"

namespace sluice {

bool stderr_is_terminal() noexcept {
    return ::isatty(STDERR_FILENO) == 1;
}

}  // namespace sluice
