// Lets a signal end a run: the first SIGINT, SIGTERM or SIGHUP requests it, a second one ends the
// process at once.
#pragma once

#include <atomic>

namespace sluice {

// Catches these signals from now on. The flag lives for ever and becomes true at the first signal.
[[nodiscard]] const std::atomic<bool>& stop_on_signals();

// The part that differs by system: SIGHUP, unless it is ignored; Windows has none.
void catch_hangup(void (*handler)(int));

}  // namespace sluice
