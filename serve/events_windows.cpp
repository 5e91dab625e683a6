#include <algorithm>
#include <vector>

#include "serve/events.h"
#include "system/win32.h"

namespace sluice {

namespace {

constexpr Nanos kWaitMax = 60 * kSecond;

class WindowsEvents final : public Events {
  public:
    explicit WindowsEvents(HANDLE wake) : wake_(wake) {}
    ~WindowsEvents() override { ::CloseHandle(wake_); }

    void wait(std::span<const std::intptr_t> handles, Nanos deadline) override {
        handles_ = {wake_};
        for (const std::intptr_t handle : handles) {
            handles_.push_back(win32::to_handle(handle));
        }
        DWORD timeout = INFINITE;
        if (deadline != kNever) {
            const Nanos left = std::clamp<Nanos>(deadline - clock(), 0, kWaitMax);
            timeout = static_cast<DWORD>((left + kMillisecond - 1) / kMillisecond);
        }
        (void)::WaitForMultipleObjects(static_cast<DWORD>(handles_.size()), handles_.data(), FALSE,
                                       timeout);
    }

    void wake() noexcept override { ::SetEvent(wake_); }
    [[nodiscard]] Nanos clock() const noexcept override { return win32::monotonic_now(); }

  private:
    HANDLE wake_;
    std::vector<HANDLE> handles_;
};

}  // namespace

Result<std::unique_ptr<Events>> Events::create() {
    HANDLE wake = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
    if (wake == nullptr) {
        const DWORD error = ::GetLastError();
        return fail(win32::status_of(error), "cannot make an event: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    return std::make_unique<WindowsEvents>(wake);
}

}  // namespace sluice
