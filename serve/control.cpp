#include "serve/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sluice {

namespace {

// What is waited for is reported when it is not over at once, and then from time to time.
constexpr Nanos kFirstReport = 500 * kMillisecond;
constexpr Nanos kNextReport = 3 * kSecond;

}  // namespace

Control::Control(std::unique_ptr<Signals> signals, std::unique_ptr<Events> events, Calls calls)
    : signals_(std::move(signals)), events_(std::move(events)), calls_(std::move(calls)) {}

void Control::wait(Nanos deadline) {
    events_->wait(std::array{signals_->wait_handle()}, deadline);
    for (;;) {
        switch (signals_->take()) {
            case Signal::none: return;
            case Signal::stop: ++stops_; break;
            case Signal::reload: calls_.reload(); [[fallthrough]];
            case Signal::reopen: calls_.reopen(); break;
        }
    }
}

bool Control::wait_for(const std::function<bool()>& over, Nanos until,
                       const std::function<std::string()>& what) {
    const int stops = stops_;
    Nanos say_at = clock() + kFirstReport;
    while (!over()) {
        const Nanos now = clock();
        if (stops_ != stops || now >= until) {
            return false;
        }
        if (now >= say_at) {
            calls_.say(fmt::format(
                "stopping: waiting for {} (at most {} s more; a{} signal stops at once)", what(),
                (until - now + kSecond - 1) / kSecond, stops_ == 1 ? " second" : "nother"));
            say_at = now + kNextReport;
        }
        wait(std::min(until, say_at));
    }
    return true;
}

}  // namespace sluice
