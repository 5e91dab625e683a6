// Signals only: the store looks after changes by polling (fs::Root::watchable).
#include "core/win32.h"
#include "http/watcher.h"

namespace sluice::http {

namespace {

class SignalWatcher final : public Watcher {
  public:
    explicit SignalWatcher(HANDLE event) : event_(event) {}
    ~SignalWatcher() override { ::CloseHandle(event_); }

    [[nodiscard]] std::intptr_t wait_handle() const noexcept override {
        return reinterpret_cast<std::intptr_t>(event_);
    }
    void signal() noexcept override { ::SetEvent(event_); }
    [[nodiscard]] std::expected<WatchId, Status> add(const fs::File&) override {
        return std::unexpected(Status::not_supported);
    }
    void remove(WatchId) noexcept override {}
    void stop_watching() noexcept override {}
    bool drain(const std::function<void(WatchId, What, std::string_view)>&) override {
        const bool signalled = ::WaitForSingleObject(event_, 0) == WAIT_OBJECT_0;
        ::ResetEvent(event_);
        return signalled;
    }

  private:
    HANDLE event_;
};

}  // namespace

Result<std::unique_ptr<Watcher>> Watcher::create() {
    HANDLE event = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
    if (event == nullptr) {
        const DWORD error = ::GetLastError();
        return fail(win32::status_of(error), "event: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    return std::make_unique<SignalWatcher>(event);
}

}  // namespace sluice::http
