#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "app/events.h"
#include "backends/posix/socket.h"

namespace sluice {

namespace {

class LinuxEvents final : public Events {
  public:
    ~LinuxEvents() override {
        for (const int fd : {signals_, event_}) {
            if (fd >= 0) {
                ::close(fd);
            }
        }
    }

    [[nodiscard]] Result<void> start() {
        sigset_t set;
        ::sigemptyset(&set);
        for (const int number : {SIGTERM, SIGINT, SIGUSR1}) {
            ::sigaddset(&set, number);
        }
        ::pthread_sigmask(SIG_BLOCK, &set, nullptr);  // inherited by every thread made later
        posix::ignore_sigpipe();
        signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (signals_ < 0 || event_ < 0) {
            return fail(posix::status_of(errno), std::string("signalfd: ") + std::strerror(errno),
                        errno);
        }
        return {};
    }

    [[nodiscard]] Signal wait(const std::vector<std::intptr_t>& handles, Nanos deadline) override {
        fds_.clear();
        fds_.push_back({.fd = signals_, .events = POLLIN, .revents = 0});
        fds_.push_back({.fd = event_, .events = POLLIN, .revents = 0});
        for (const std::intptr_t handle : handles) {
            fds_.push_back({.fd = static_cast<int>(handle), .events = POLLIN, .revents = 0});
        }
        int timeout_ms = -1;
        if (deadline != kNever) {
            const Nanos left = std::max<Nanos>(deadline - clock(), 0);
            timeout_ms =
                static_cast<int>(std::min<Nanos>((left + kMillisecond - 1) / kMillisecond, 60'000));
        }
        if (::poll(fds_.data(), fds_.size(), timeout_ms) <= 0) {
            return Signal::none;
        }
        if (fds_[1].revents != 0) {
            std::uint64_t count = 0;
            (void)!::read(event_, &count, sizeof count);
        }
        signalfd_siginfo info{};
        if (::read(signals_, &info, sizeof info) != sizeof info) {
            return Signal::none;
        }
        return info.ssi_signo == SIGUSR1 ? Signal::reopen : Signal::stop;
    }

    [[nodiscard]] Nanos clock() const override { return posix::monotonic_now(); }

    void wake() noexcept override {
        const std::uint64_t one = 1;
        (void)!::write(event_, &one, sizeof one);
    }

  private:
    int signals_ = -1;
    int event_ = -1;
    std::vector<pollfd> fds_;
};

}  // namespace

Result<std::unique_ptr<Events>> Events::create() {
    auto events = std::make_unique<LinuxEvents>();
    if (auto started = events->start(); !started) {
        return std::unexpected(started.error());
    }
    return events;
}

}  // namespace sluice
