// Signals: what the operator asks of a running service. One implementation for each system; CMake
// picks the file. On Windows there is only the console's wish to stop.
//
// From its making on no signal ends the process by itself, but for SIGKILL and those of a fault of
// our own (SIGSEGV, SIGABRT and their like). Those that mean something wait to be taken; the others
// are ignored, among them SIGPIPE and SIGXFSZ, in whose place a write fails.
//
// Made on the main thread before any other thread starts, and used there.
#pragma once

#include <cstdint>
#include <memory>

#include "core/result.h"

namespace sluice {

enum class Signal : std::uint8_t {
    none,
    stop,    // SIGTERM, SIGINT
    reload,  // SIGHUP
    reopen,  // SIGUSR1
};

class Signals {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Signals>> hear();
    virtual ~Signals() = default;

    // For Events: readable when there is a signal to take.
    [[nodiscard]] virtual std::intptr_t wait_handle() const noexcept = 0;
    // One that has come; none when there is no other. Take all of them after each wait.
    [[nodiscard]] virtual Signal take() noexcept = 0;
};

}  // namespace sluice
