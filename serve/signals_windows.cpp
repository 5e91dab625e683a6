#include <atomic>

#include "serve/signals.h"
#include "system/win32.h"

namespace sluice {

namespace {

// The handler of console events runs on a thread of the system and takes no argument.
std::atomic<HANDLE> stop_event{nullptr};
std::atomic<int> stops_asked{0};

constexpr DWORD kCloseWaitMs = 60'000;

BOOL WINAPI on_console_event(DWORD kind) {
    ++stops_asked;
    ::SetEvent(stop_event.load());
    if (kind != CTRL_C_EVENT && kind != CTRL_BREAK_EVENT) {
        // The window is closed, or the user logs off: the process ends when this returns, so it
        // gives main the time that the system grants.
        ::Sleep(kCloseWaitMs);
    }
    return TRUE;
}

class WindowsSignals final : public Signals {
  public:
    ~WindowsSignals() override {
        ::SetConsoleCtrlHandler(on_console_event, FALSE);
        if (stop_ != nullptr) {
            ::CloseHandle(stop_);
        }
    }

    [[nodiscard]] Result<void> start() {
        stop_ = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
        stop_event.store(stop_);
        if (stop_ == nullptr || ::SetConsoleCtrlHandler(on_console_event, TRUE) == 0) {
            const DWORD error = ::GetLastError();
            return fail(win32::status_of(error), "console events: " + win32::text_of(error),
                        static_cast<int>(error));
        }
        return {};
    }

    [[nodiscard]] std::intptr_t wait_handle() const noexcept override {
        return reinterpret_cast<std::intptr_t>(stop_);
    }

    [[nodiscard]] Signal take() noexcept override {
        if (stops_asked.load() == stops_taken_) {
            return Signal::none;
        }
        ++stops_taken_;
        return Signal::stop;
    }

  private:
    HANDLE stop_ = nullptr;
    int stops_taken_ = 0;
};

}  // namespace

Result<std::unique_ptr<Signals>> Signals::create() {
    auto signals = std::make_unique<WindowsSignals>();
    if (auto started = signals->start(); !started) {
        return std::unexpected(started.error());
    }
    return signals;
}

}  // namespace sluice
