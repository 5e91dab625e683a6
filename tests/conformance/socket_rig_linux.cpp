// The rig of real loopback sockets, for every backend that talks to a kernel.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "tests/conformance/rig.h"

namespace sluice::conformance {

namespace {

constexpr int kSmallBuffer = 16 * 1024;

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address to_address(const Endpoint& endpoint) {
    Address address;
    if (endpoint.family == Family::ipv4) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(endpoint.port);
        std::memcpy(&in.sin_addr, endpoint.address.data(), 4);
        address.size = sizeof(in);
        std::memcpy(&address.storage, &in, sizeof(in));
    } else if (endpoint.family == Family::ipv6) {
        sockaddr_in6 in{};
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(endpoint.port);
        std::memcpy(&in.sin6_addr, endpoint.address.data(), 16);
        address.size = sizeof(in);
        std::memcpy(&address.storage, &in, sizeof(in));
    } else {
        sockaddr_un un{};
        un.sun_family = AF_UNIX;
        CHECK(endpoint.path.size() < sizeof(un.sun_path));
        endpoint.path.copy(un.sun_path, sizeof(un.sun_path) - 1);
        address.size = sizeof(un);
        std::memcpy(&address.storage, &un, sizeof(un));
    }
    return address;
}

Endpoint name_of(int fd) {
    Address address;
    address.size = sizeof(address.storage);
    CHECK(getsockname(fd, address.raw(), &address.size) == 0);
    Endpoint endpoint;
    if (address.storage.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &address.storage, sizeof(in));
        endpoint.family = Family::ipv4;
        endpoint.port = ntohs(in.sin_port);
        std::memcpy(endpoint.address.data(), &in.sin_addr, 4);
    } else if (address.storage.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &address.storage, sizeof(in));
        endpoint.family = Family::ipv6;
        endpoint.port = ntohs(in.sin6_port);
        std::memcpy(endpoint.address.data(), &in.sin6_addr, 16);
    } else {
        endpoint.family = Family::unix_path;
    }
    return endpoint;
}

int make_socket(Family family) {
    const int domain = family == Family::ipv4   ? AF_INET
                       : family == Family::ipv6 ? AF_INET6
                                                : AF_UNIX;
    const int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    return fd;
}

class SocketPeer final : public Peer {
  public:
    explicit SocketPeer(int fd) : fd_(fd) {}
    ~SocketPeer() override { close(); }

    bool connected() override {
        pollfd entry{fd_, POLLOUT, 0};
        return fd_ >= 0 && ::poll(&entry, 1, 0) == 1 && !note_error();
    }
    std::size_t write(std::string_view bytes) override {
        if (bytes.empty() || fd_ < 0) {
            return 0;
        }
        const ssize_t taken = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        note(taken);
        return taken > 0 ? static_cast<std::size_t>(taken) : 0;
    }
    void write_urgent() override { note(::send(fd_, "!", 1, MSG_OOB | MSG_NOSIGNAL)); }
    std::string read(std::size_t bytes_max) override {
        std::string bytes(std::min(bytes_max, kReadMax), '\0');
        if (bytes.empty() || fd_ < 0) {
            return {};
        }
        const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
        note(got);
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    }
    bool eof() override {
        char byte = 0;
        const ssize_t got = fd_ < 0 ? -1 : ::recv(fd_, &byte, 1, MSG_PEEK);
        return got == 0 && !broken_;
    }
    bool broken() override {
        (void)note_error();
        return broken_;
    }
    void echo() override {
        echo_ = std::thread([fd = fd_] {
            std::array<char, 4096> bytes{};
            for (pollfd entry{fd, POLLIN, 0};;) {
                (void)::poll(&entry, 1, -1);
                const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
                if (got == 0 || (got < 0 && errno != EAGAIN)) {
                    return;
                }
                (void)::send(fd, bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)),
                             MSG_NOSIGNAL);
            }
        });
    }
    void shutdown_write() override {
        if (::shutdown(fd_, SHUT_WR) != 0) {
            CHECK(errno == ENOTCONN);  // it was reset meanwhile
            broken_ = true;
        }
    }
    void close() override {
        if (echo_.joinable()) {
            (void)::shutdown(fd_, SHUT_RDWR);
            echo_.join();
        }
        if (fd_ >= 0) {
            ::close(fd_);
            fd_ = -1;
        }
    }
    void reset() override {
        const linger abort{1, 0};
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)) == 0);
        close();
    }
    Endpoint local() override { return name_of(fd_); }

  private:
    static constexpr std::size_t kReadMax = 64 * 1024;

    void note(ssize_t result) {
        if (result < 0 && errno != EAGAIN && errno != EINTR) {
            broken_ = true;
        }
    }
    bool note_error() {
        int error = 0;
        socklen_t size = sizeof(error);
        if (fd_ >= 0 && getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
            broken_ = true;
        }
        return broken_;
    }

    int fd_;
    bool broken_ = false;
    std::thread echo_;
};

class SocketListener final : public PeerListener {
  public:
    explicit SocketListener(const Endpoint& endpoint)
        : fd_(make_socket(endpoint.family)), endpoint_(endpoint) {
        Address address = to_address(endpoint);
        CHECK(bind(fd_, address.raw(), address.size) == 0);
        CHECK(::listen(fd_, SOMAXCONN) == 0);
        if (endpoint.family != Family::unix_path) {
            endpoint_ = name_of(fd_);
        }
    }
    ~SocketListener() override {
        ::close(fd_);
        if (endpoint_.family == Family::unix_path) {
            ::unlink(endpoint_.path.c_str());
        }
    }
    Endpoint local() override { return endpoint_; }
    std::unique_ptr<Peer> accept() override {
        const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        return fd < 0 ? nullptr : std::make_unique<SocketPeer>(fd);
    }

  private:
    int fd_;
    Endpoint endpoint_;
};

class SocketRig final : public Rig {
  public:
    explicit SocketRig(std::shared_ptr<const BackendFactory> factory)
        : factory_(std::move(factory)) {
        CHECK(getrlimit(RLIMIT_NOFILE, &limit_) == 0);
    }
    ~SocketRig() override { (void)setrlimit(RLIMIT_NOFILE, &limit_); }

    std::unique_ptr<Backend> make_backend(const BackendLimits& limits) override {
        auto made = factory_->create(limits);
        if (!made) {
            std::fprintf(stderr, "no backend: %s\n", made.error().what.c_str());
            return nullptr;
        }
        return std::move(*made);
    }
    std::unique_ptr<Peer> connect(const Endpoint& endpoint, const PeerOptions& options) override {
        const int fd = make_socket(endpoint.family);
        if (options.small_window) {
            CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSmallBuffer, sizeof(kSmallBuffer)) == 0);
        }
        Address address = to_address(endpoint);
        (void)::connect(fd, address.raw(), address.size);  // connected() tells
        return std::make_unique<SocketPeer>(fd);
    }
    std::unique_ptr<PeerListener> listen(const Endpoint& endpoint) override {
        return std::make_unique<SocketListener>(endpoint);
    }
    void leave_stale_path(const Endpoint& endpoint) override {
        const int fd = make_socket(Family::unix_path);
        Address address = to_address(endpoint);
        CHECK(bind(fd, address.raw(), address.size) == 0);
        ::close(fd);
    }
    void limit_sockets(Backend&, std::size_t more) override {
        rlimit limit = limit_;
        if (more != SIZE_MAX) {
            // New descriptors take the lowest free numbers; the limit is on the number.
            int fd = 0;
            for (std::size_t free = 0; free < more; ++fd) {
                free += is_free(fd) ? 1U : 0U;
            }
            limit.rlim_cur = static_cast<rlim_t>(fd);
        }
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    }
    std::string leftovers(Backend&) override { return ""; }  // the fixture counts descriptors
    bool real() const override { return true; }

  private:
    static bool is_free(int fd) { return fcntl(fd, F_GETFD) < 0; }

    std::shared_ptr<const BackendFactory> factory_;
    rlimit limit_{};
};

}  // namespace

std::unique_ptr<Rig> make_socket_rig(std::shared_ptr<const BackendFactory> factory) {
    return std::make_unique<SocketRig>(std::move(factory));
}

}  // namespace sluice::conformance
