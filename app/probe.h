// `sluice probe`: which backends this machine can run, with every capability found and every
// refusal with its reason. The first thing to ask for in a report of trouble.
#pragma once

namespace sluice {

[[nodiscard]] int probe();  // prints to stdout; the exit code

}  // namespace sluice
