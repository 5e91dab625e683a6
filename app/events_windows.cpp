#include <algorithm>
#include <atomic>

#include "app/events.h"
#include "core/win32.h"

namespace sluice {

namespace {

// The handler of console events runs on a thread of the system's and takes no argument.
std::atomic<HANDLE> stop_event{nullptr};
std::atomic<int> stops_asked{0};

constexpr DWORD kCloseWaitMs = 60'000;
constexpr Nanos kWaitMax = 60 * kSecond;

BOOL WINAPI on_console_event(DWORD kind) {
    ++stops_asked;
    ::SetEvent(stop_event.load());
    if (kind != CTRL_C_EVENT && kind != CTRL_BREAK_EVENT) {
        // The window is closed, or the user leaves: the process ends when this returns, so main
        // gets the time that the system grants.
        ::Sleep(kCloseWaitMs);
    }
    return TRUE;
}

class WindowsEvents final : public Events {
  public:
    ~WindowsEvents() override {
        ::SetConsoleCtrlHandler(on_console_event, FALSE);
        for (HANDLE event : {stop_, wake_}) {
            if (event != nullptr) {
                ::CloseHandle(event);
            }
        }
    }

    [[nodiscard]] Result<void> start() {
        stop_ = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
        wake_ = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
        stop_event.store(stop_);
        if (stop_ == nullptr || wake_ == nullptr ||
            ::SetConsoleCtrlHandler(on_console_event, TRUE) == 0) {
            const DWORD error = ::GetLastError();
            return fail(win32::status_of(error), "console events: " + win32::text_of(error),
                        static_cast<int>(error));
        }
        return {};
    }

    [[nodiscard]] Signal wait(const std::vector<std::intptr_t>& handles, Nanos deadline) override {
        if (take_stop()) {
            return Signal::stop;
        }
        handles_ = {stop_, wake_};
        for (const std::intptr_t handle : handles) {
            handles_.push_back(reinterpret_cast<HANDLE>(handle));
        }
        DWORD timeout = INFINITE;
        if (deadline != kNever) {
            const Nanos left = std::clamp<Nanos>(deadline - clock(), 0, kWaitMax);
            timeout = static_cast<DWORD>((left + kMillisecond - 1) / kMillisecond);
        }
        (void)::WaitForMultipleObjects(static_cast<DWORD>(handles_.size()), handles_.data(), FALSE,
                                       timeout);
        return take_stop() ? Signal::stop : Signal::none;
    }

    [[nodiscard]] Nanos clock() const override { return win32::monotonic_now(); }
    void wake() noexcept override { ::SetEvent(wake_); }

  private:
    bool take_stop() {
        if (stops_asked.load() == stops_taken_) {
            return false;
        }
        ++stops_taken_;
        return true;
    }

    HANDLE stop_ = nullptr;
    HANDLE wake_ = nullptr;
    int stops_taken_ = 0;
    std::vector<HANDLE> handles_;
};

}  // namespace

Result<std::unique_ptr<Events>> Events::create() {
    auto events = std::make_unique<WindowsEvents>();
    if (auto started = events->start(); !started) {
        return std::unexpected(started.error());
    }
    return events;
}

}  // namespace sluice
