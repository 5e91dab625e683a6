#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "content/watcher.h"

namespace sluice::http {

namespace {

constexpr std::uint32_t kContent =
    IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr std::uint32_t kMask = kContent | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK;

class InotifyWatcher final : public Watcher {
  public:
    [[nodiscard]] bool start() {
        events_ = fs::File(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
        signal_ = fs::File(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
        wait_ = fs::File(::epoll_create1(EPOLL_CLOEXEC));
        return signal_ && wait_ && join(signal_) && (!events_ || join(events_));
    }

    [[nodiscard]] std::intptr_t wait_handle() const noexcept override { return wait_.handle(); }

    void signal() noexcept override {
        const std::uint64_t one = 1;
        // Fails only when the counter is full; then the loader will wake anyway.
        [[maybe_unused]] const ssize_t wrote = ::write(fd(signal_), &one, sizeof one);
    }

    [[nodiscard]] bool reports_all() const noexcept override { return true; }
    [[nodiscard]] std::string_view why_no_more() const noexcept override {
        return events_ ? "the system watches no more directories (fs.inotify.max_user_watches)"
                       : "the system has no inotify instance left (fs.inotify.max_user_instances)";
    }

    [[nodiscard]] std::expected<WatchId, Status> add(const fs::File& directory) override {
        if (!events_) {
            return std::unexpected(Status::no_memory);
        }
        // By the handle and not by its path, so that the watched directory is the one listed.
        const std::string path = "/proc/self/fd/" + std::to_string(directory.handle());
        const int watch = ::inotify_add_watch(fd(events_), path.c_str(), kMask);
        if (watch >= 0) {
            return watch;
        }
        return std::unexpected(errno == ENOSPC || errno == ENOMEM ? Status::no_memory
                                                                  : Status::io_error);
    }

    void remove(WatchId watch) noexcept override { ::inotify_rm_watch(fd(events_), watch); }

    void stop_watching() noexcept override { events_ = fs::File(); }

    bool drain(const std::function<void(WatchId, What, std::string_view)>& on_change) override {
        std::uint64_t signals = 0;
        const bool signalled = ::read(fd(signal_), &signals, sizeof signals) > 0;
        while (events_) {
            const ssize_t filled = ::read(fd(events_), buffer_.data(), buffer_.size());
            if (filled <= 0) {
                break;
            }
            for (std::size_t at = 0; at < static_cast<std::size_t>(filled);) {
                inotify_event event;
                std::memcpy(&event, buffer_.data() + at, sizeof event);
                const char* name = event.len != 0 ? buffer_.data() + at + sizeof event : "";
                at += sizeof event + event.len;
                report(event, name, on_change);
            }
        }
        return signalled;
    }

  private:
    static int fd(const fs::File& file) noexcept { return static_cast<int>(file.handle()); }

    [[nodiscard]] bool join(const fs::File& file) const noexcept {
        epoll_event interest{};
        interest.events = EPOLLIN;
        return ::epoll_ctl(fd(wait_), EPOLL_CTL_ADD, fd(file), &interest) == 0;
    }

    static void report(const inotify_event& event, std::string_view name,
                       const std::function<void(WatchId, What, std::string_view)>& on_change) {
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
            on_change(kNoWatch, What::overflow, {});
        } else if ((event.mask & IN_IGNORED) != 0) {
            on_change(event.wd, What::ended, {});
        } else if (!name.empty()) {
            on_change(event.wd, (event.mask & kContent) != 0 ? What::content : What::attributes,
                      name);
        }
    }

    fs::File events_;
    fs::File signal_;
    fs::File wait_;
    alignas(inotify_event) std::array<char, 64 * 1024> buffer_{};
};

}  // namespace

Result<std::unique_ptr<Watcher>> Watcher::create() {
    auto watcher = std::make_unique<InotifyWatcher>();
    if (!watcher->start()) {
        const int code = errno;
        return fail(code == EMFILE || code == ENFILE ? Status::no_fds : Status::io_error,
                    std::string("cannot watch for changes: ") + std::strerror(code), code);
    }
    return watcher;
}

}  // namespace sluice::http
