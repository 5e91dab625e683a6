// A run that a signal may end: the first SIGINT, SIGTERM or SIGHUP asks it to, the next one ends us
// at once.
#pragma once

#include <atomic>

namespace sluice {

// Catches these signals from now on. What it returns lives for ever and becomes true when one came.
[[nodiscard]] const std::atomic<bool>& stop_on_signals();

// Its part of each system: SIGHUP, unless it is ignored; Windows has none.
void catch_hangup(void (*handler)(int));

}  // namespace sluice
