// Floor: what the null servers share. A null server marks the limit of a kind of work: one thread,
// the fewest system calls that can do it, no parsing of the request. Each is one short program, so
// that whoever doubts a ratio can read all of it. Not part of the server: whatever arrives, the
// answer is the same.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace floor_server {

struct Options {
    std::uint16_t port = 0;
    std::size_t body_bytes = 509;  // --body N
    int pipeline = 1;              // --pipeline N: N answers for each read, in one write
    bool churn = false;            // --churn: accept, read, write, close
    const char* file = nullptr;    // --file PATH (floor_sendfile)
    long spin_ns = 0;              // --spin N: busy for N ns before each answer (floor_epoll)
};

[[noreturn]] inline void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

template <typename Number>
Number number(const char* text) {
    Number value{};
    std::from_chars(text, text + std::strlen(text), value);
    return value;
}

inline Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        const char* value = i + 1 < argc ? argv[i + 1] : "0";
        if (name == "--churn") {
            options.churn = true;
            continue;
        }
        if (name == "--port") {
            options.port = number<std::uint16_t>(value);
        } else if (name == "--body") {
            options.body_bytes = number<std::size_t>(value);
        } else if (name == "--pipeline") {
            options.pipeline = number<int>(value);
        } else if (name == "--spin") {
            options.spin_ns = number<long>(value);
        } else if (name == "--file") {
            options.file = value;
        } else {
            std::fprintf(stderr, "%s: what is %s?\n", argv[0], name.c_str());
            std::exit(2);
        }
        ++i;
    }
    return options;
}

inline int listen_on(std::uint16_t port, int flags) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 4096) != 0) {
        fail("listen");
    }
    return fd;
}

inline void no_delay(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// A known amount of work, to test the comparison itself. It counts iterations and reads no clock:
// so it is CPU time, and grows with all other work when the CPU is slow. The time of one iteration
// is the least of many tries, because any disturbance makes a try longer.
class Spin {
  public:
    explicit Spin(long wanted_ns) {
        constexpr long kTry = 20'000;
        constexpr int kTries = 500;
        long least = 1'000'000'000;
        for (int i = 0; i < kTries && wanted_ns > 0; ++i) {
            timespec before{};
            timespec after{};
            ::clock_gettime(CLOCK_MONOTONIC, &before);
            iterate(kTry);
            ::clock_gettime(CLOCK_MONOTONIC, &after);
            const long took =
                (after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec;
            least = took > 0 && took < least ? took : least;
        }
        iterations_ = wanted_ns * kTry / least;
    }
    void operator()() const { iterate(iterations_); }

  private:
    static void iterate(long times) {
        for (long i = 0; i < times; ++i) {
            asm volatile("" ::: "memory");
        }
    }
    long iterations_ = 0;
};

// A head as long as those of the servers that are compared with it.
inline std::string head(std::size_t body_bytes, bool close) {
    return "HTTP/1.1 200 OK\r\nDate: Thu, 27 Oct 2022 17:37:18 GMT\r\nContent-Type: text/html; "
           "charset=utf-8\r\nLast-Modified: Thu, 27 Oct 2022 17:37:18 GMT\r\nETag: "
           "\"0123456789abcdef\"\r\nAccept-Ranges: bytes\r\n" +
           std::string(close ? "Connection: close\r\n" : "") +
           "Content-Length: " + std::to_string(body_bytes) + "\r\n\r\n";
}

}  // namespace floor_server
