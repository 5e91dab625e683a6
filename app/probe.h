// `sluice probe`: which backends this machine can run, every capability found, and the reason of
// every refusal. The first thing to ask for in a bug report.
#pragma once

namespace sluice {

[[nodiscard]] int probe();  // prints to stdout; the exit code

}  // namespace sluice
