#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "backends/posix/socket.h"
#include "serve/signals.h"

namespace sluice {

namespace {

constexpr std::array kHandled = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
// Our own faults, and what stops and continues a job of the shell. The last three do nothing unless
// a program asks for them.
constexpr std::array kLeftAlone = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,  SIGTRAP, SIGABRT, SIGSYS,
                                   SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD, SIGURG,  SIGWINCH};

// glibc reserves the signals below SIGRTMIN and lets nobody ignore them. What it uses them for does
// not occur here (pthread_cancel(3), setuid(2) with threads). The kernel accepts them like any
// other; its structure begins with the handler (rt_sigaction(2)).
void ignore_reserved(int number) {
    struct {
        decltype(SIG_IGN) handler = SIG_IGN;
        std::array<unsigned long, 3> rest{};  // flags, restorer, mask
    } action;
    ::syscall(SYS_rt_sigaction, number, &action, nullptr, sizeof action.rest[0]);
}

void ignore_all_others() {
    for (int number = 1; number <= SIGRTMAX; ++number) {
        const bool handled = std::ranges::count(kHandled, number) != 0;
        const bool left_alone = std::ranges::count(kLeftAlone, number) != 0;
        if (!handled && !left_alone && ::signal(number, SIG_IGN) == SIG_ERR) {
            ignore_reserved(number);
        }
    }
}

class LinuxSignals final : public Signals {
  public:
    explicit LinuxSignals(int signals) : signals_(signals) {}
    ~LinuxSignals() override { ::close(signals_); }

    [[nodiscard]] std::intptr_t wait_handle() const noexcept override { return signals_; }

    [[nodiscard]] Signal take() noexcept override {
        signalfd_siginfo info{};
        if (::read(signals_, &info, sizeof info) != sizeof info) {
            return Signal::none;
        }
        switch (info.ssi_signo) {
            case SIGHUP: return Signal::reload;
            case SIGUSR1: return Signal::reopen;
            default: return Signal::stop;
        }
    }

  private:
    const int signals_;
};

}  // namespace

Result<std::unique_ptr<Signals>> Signals::create() {
    sigset_t handled;
    ::sigemptyset(&handled);
    for (const int number : kHandled) {
        ::sigaddset(&handled, number);
    }
    ::pthread_sigmask(SIG_BLOCK, &handled, nullptr);  // inherited by every thread created later
    ignore_all_others();
    const int signals = ::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) {
        return fail(posix::status_of(errno), std::string("signalfd: ") + std::strerror(errno),
                    errno);
    }
    return std::make_unique<LinuxSignals>(signals);
}

}  // namespace sluice
