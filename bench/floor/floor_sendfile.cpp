// The null sendfile server: epoll_wait, read, send of the head with MSG_MORE, sendfile of a file
// that was opened at the start, until the socket is full; then the rest when it is writable again.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "bench/floor/floor.h"

using namespace floor_server;

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const int file = ::open(options.file != nullptr ? options.file : "", O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file < 0 || ::fstat(file, &status) != 0) {
        fail("--file");
    }
    const std::string start = head(static_cast<std::size_t>(status.st_size), false);

    const int listener = listen_on(options.port, SOCK_NONBLOCK);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);

    std::vector<off_t> left(64 * 1024, 0);  // by descriptor: bytes of the file still to send
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
                    left[static_cast<std::size_t>(accepted)] = 0;
                    event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = accepted}};
                    ::epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
                }
                continue;
            }
            off_t& rest = left[static_cast<std::size_t>(fd)];
            if (rest == 0) {
                const ssize_t got = ::read(fd, buffer.data(), buffer.size());
                if (got < 0 && errno == EAGAIN) {
                    continue;  // writable, with nothing to send
                }
                if (got <= 0 || ::send(fd, start.data(), start.size(), MSG_MORE) < 0) {
                    ::close(fd);
                    continue;
                }
                rest = status.st_size;
            }
            ssize_t sent = 0;
            while (rest > 0 && sent >= 0) {
                off_t offset = status.st_size - rest;
                sent = ::sendfile(fd, file, &offset, static_cast<std::size_t>(rest));
                rest -= sent > 0 ? sent : 0;
            }
            if (sent < 0 && errno != EAGAIN) {
                ::close(fd);
            }
        }
    }
}
