// Signals: what the operator asks of a running service. One implementation for each system; CMake
// picks the file. Windows has only the console's request to stop.
//
// Once created, no signal ends the process any more, except SIGKILL and those of our own faults
// (SIGSEGV, SIGABRT and the like). Signals with a meaning wait to be taken; the others are ignored,
// among them SIGPIPE and SIGXFSZ, so that the write fails instead.
//
// Created on the main thread before any other thread starts, and used there.
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
    [[nodiscard]] static Result<std::unique_ptr<Signals>> create();
    virtual ~Signals() = default;

    // For Events: readable when there is a signal to take.
    [[nodiscard]] virtual std::intptr_t wait_handle() const noexcept = 0;
    // The next signal; none when there is no other. Take all of them after each wait.
    [[nodiscard]] virtual Signal take() noexcept = 0;
};

}  // namespace sluice
