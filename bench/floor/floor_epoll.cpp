// The null epoll server: epoll_wait, read, write. Answers each read with a constant from memory.
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "bench/floor/floor.h"

using namespace floor_server;

namespace {

// Sends all of it. When the socket is full it just tries again: only a body larger than the
// socket's buffer gets there, and for that the sendfile floor is the one to compare with.
bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::write(fd, bytes.data(), bytes.size());
        if (sent < 0 && errno != EAGAIN) {
            return false;
        }
        bytes.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const std::string one =
        head(options.body_bytes, options.churn) + std::string(options.body_bytes, 'x');
    std::string answer;
    for (int i = 0; i < options.pipeline; ++i) {
        answer += one;
    }

    const Spin spin(options.spin_ns);

    const int listener = listen_on(options.port, SOCK_NONBLOCK);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);

    std::array<epoll_event, 512> events{};
    std::array<char, 16 * 1024> buffer{};
    for (;;) {
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener) {
                int accepted = -1;
                while ((accepted = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
                    no_delay(accepted);
                    // With a new connection for each request, the request is mostly there already.
                    if (options.churn && ::read(accepted, buffer.data(), buffer.size()) > 0) {
                        spin();
                        (void)write_all(accepted, answer);
                        ::close(accepted);
                        continue;
                    }
                    event = {.events = EPOLLIN | EPOLLET, .data = {.fd = accepted}};
                    ::epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
                }
                continue;
            }
            const ssize_t got = ::read(fd, buffer.data(), buffer.size());
            spin();
            if (got <= 0 || !write_all(fd, answer) || options.churn) {
                ::close(fd);
            }
        }
    }
}
