// Control: where the control thread waits. It handles signals during every wait and reports what
// the end of the service is waiting for.
//
// One thread, which touches no file and no disk here; wake() may be called from any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "serve/events.h"
#include "serve/signals.h"

namespace sluice {

class Control {
  public:
    struct Calls {
        std::function<void()> reload;               // Signal::reload
        std::function<void()> reopen;               // the same, and Signal::reopen
        std::function<void(std::string_view)> say;  // one line for the operator
    };
    Control(std::unique_ptr<Signals> signals, std::unique_ptr<Events> events, Calls calls);

    // Waits once: until a signal, a wake or the deadline (of clock()), or less.
    void wait(Nanos deadline);
    // Waits until `over`. False when the time is up, or when another signal to stop came. `what` is
    // reported as what is waited for, unless it is soon over.
    [[nodiscard]] bool wait_for(const std::function<bool()>& over, Nanos until,
                                const std::function<std::string()>& what);
    [[nodiscard]] int stops() const noexcept { return stops_; }  // signals to stop so far
    [[nodiscard]] Nanos clock() const noexcept { return events_->clock(); }
    void wake() noexcept { events_->wake(); }

  private:
    const std::unique_ptr<Signals> signals_;
    const std::unique_ptr<Events> events_;
    const Calls calls_;
    int stops_ = 0;
};

}  // namespace sluice
