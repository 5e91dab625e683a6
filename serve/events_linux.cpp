#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "backends/posix/socket.h"
#include "serve/events.h"

namespace sluice {

namespace {

constexpr Nanos kWaitMaxMs = 60'000;

class LinuxEvents final : public Events {
  public:
    explicit LinuxEvents(int event) : event_(event) {}
    ~LinuxEvents() override { ::close(event_); }

    void wait(std::span<const std::intptr_t> handles, Nanos deadline) override {
        fds_.clear();
        fds_.push_back({.fd = event_, .events = POLLIN, .revents = 0});
        for (const std::intptr_t handle : handles) {
            fds_.push_back({.fd = static_cast<int>(handle), .events = POLLIN, .revents = 0});
        }
        int timeout_ms = -1;
        if (deadline != kNever) {
            const Nanos left = std::max<Nanos>(deadline - clock(), 0);
            timeout_ms = static_cast<int>(
                std::min<Nanos>((left + kMillisecond - 1) / kMillisecond, kWaitMaxMs));
        }
        if (::poll(fds_.data(), fds_.size(), timeout_ms) > 0 && fds_[0].revents != 0) {
            std::uint64_t count = 0;
            (void)!::read(event_, &count, sizeof count);
        }
    }

    void wake() noexcept override {
        const std::uint64_t one = 1;
        (void)!::write(event_, &one, sizeof one);
    }

    [[nodiscard]] Nanos clock() const noexcept override { return posix::monotonic_now(); }

  private:
    const int event_;
    std::vector<pollfd> fds_;
};

}  // namespace

Result<std::unique_ptr<Events>> Events::create() {
    const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) {
        return fail(posix::status_of(errno), std::string("eventfd: ") + std::strerror(errno),
                    errno);
    }
    return std::make_unique<LinuxEvents>(event);
}

}  // namespace sluice
