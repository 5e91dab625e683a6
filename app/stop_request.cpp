#include "app/stop_request.h"

#include <csignal>

namespace sluice {

namespace {

std::atomic<bool> stop_requested{false};

void on_signal(int number) {
    if (stop_requested.exchange(true)) {
        std::signal(number, SIG_DFL);
        std::raise(number);  // a second one ends the process at once
    }
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    catch_hangup(on_signal);
    return stop_requested;
}

}  // namespace sluice
