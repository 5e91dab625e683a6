// The rig of real loopback sockets, for the backend of Windows. Its peers are plain non-blocking
// Winsock sockets in the same process.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>

#include "backends/iocp/iocp_backend.h"
#include "tests/conformance/rig.h"

namespace sluice::conformance {

namespace {

constexpr int kSmallBuffer = 16 * 1024;

// Sockets run out when the test says so; Windows has no limit of its own to set.
class BoundedSystem final : public iocp::System {
  public:
    [[nodiscard]] SOCKET make_socket(int family) const noexcept override {
        std::size_t left = left_;
        do {
            if (left == 0) {
                ::WSASetLastError(WSAEMFILE);
                return INVALID_SOCKET;
            }
        } while (left != SIZE_MAX && !left_.compare_exchange_weak(left, left - 1));
        return System::make_socket(family);
    }
    void limit(std::size_t more) { left_ = more; }

  private:
    mutable std::atomic<std::size_t> left_{SIZE_MAX};
};

SOCKET make_socket(Family family) {
    const SOCKET socket = ::WSASocketW(family == Family::ipv4 ? AF_INET : AF_INET6, SOCK_STREAM,
                                       IPPROTO_TCP, nullptr, 0, WSA_FLAG_OVERLAPPED);
    CHECK(socket != INVALID_SOCKET);
    u_long non_blocking = 1;
    CHECK(::ioctlsocket(socket, static_cast<long>(FIONBIO), &non_blocking) == 0);
    return socket;
}

void set_option(SOCKET socket, int name, const void* value, int size) {
    CHECK(::setsockopt(socket, SOL_SOCKET, name, static_cast<const char*>(value), size) == 0);
}

class SocketPeer final : public Peer {
  public:
    explicit SocketPeer(SOCKET socket) : socket_(socket) {}
    ~SocketPeer() override { close(); }

    bool connected() override {
        WSAPOLLFD entry{socket_, POLLWRNORM, 0};
        return open() && ::WSAPoll(&entry, 1, 0) == 1 && !note_error();
    }
    std::size_t write(std::string_view bytes) override {
        if (bytes.empty() || !open()) {
            return 0;
        }
        const int size = static_cast<int>(std::min(bytes.size(), kPieceMax));
        const int taken = ::send(socket_, bytes.data(), size, 0);
        note(taken);
        return taken > 0 ? static_cast<std::size_t>(taken) : 0;
    }
    void write_urgent() override { note(::send(socket_, "!", 1, MSG_OOB)); }
    std::string read(std::size_t bytes_max) override {
        std::string bytes(std::min(bytes_max, kPieceMax), '\0');
        if (bytes.empty() || !open()) {
            return {};
        }
        const int got = ::recv(socket_, bytes.data(), static_cast<int>(bytes.size()), 0);
        note(got);
        note_end(got);
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    }
    bool eof() override {
        char byte = 0;
        const int got = open() ? ::recv(socket_, &byte, 1, MSG_PEEK) : -1;
        note_end(got);
        return got == 0 && !broken_;
    }
    bool broken() override {
        (void)note_error();
        return broken_;
    }
    void echo() override {
        echo_ = std::thread([this, socket = socket_] {
            std::array<char, 4096> bytes{};
            // Under Wine a shutdown on this side does not end the waiting.
            for (WSAPOLLFD entry{socket, POLLRDNORM, 0}; !echo_stops_;) {
                (void)::WSAPoll(&entry, 1, 20);
                const int got = ::recv(socket, bytes.data(), static_cast<int>(bytes.size()), 0);
                if (got == 0 || (got < 0 && ::WSAGetLastError() != WSAEWOULDBLOCK)) {
                    return;
                }
                (void)::send(socket, bytes.data(), std::max(got, 0), 0);
            }
        });
    }
    void shutdown_write() override {
        finished_ = true;
        if (::shutdown(socket_, SD_SEND) != 0) {
            broken_ = true;  // it was reset meanwhile
        }
    }
    void close() override {
        if (echo_.joinable()) {
            echo_stops_ = true;
            echo_.join();
        }
        if (open()) {
            ::closesocket(socket_);
            socket_ = INVALID_SOCKET;
        }
    }
    void reset() override {
        const linger abort{1, 0};
        set_option(socket_, SO_LINGER, &abort, sizeof abort);
        close();
    }
    Endpoint local() override { return iocp::local_of(socket_); }

  private:
    static constexpr std::size_t kPieceMax = 64 * 1024;

    [[nodiscard]] bool open() const { return socket_ != INVALID_SOCKET; }
    void note(int result) {
        if (result < 0 && ::WSAGetLastError() != WSAEWOULDBLOCK) {
            broken_ = true;
        }
    }
    // Wine may lose the error of a reset. What follows looks like the end of the stream, but the
    // socket has no peer any more.
    void note_end(int result) {
        if (result == 0 && !finished_ && iocp::peer_of(socket_).family == Family::none) {
            broken_ = true;
        }
    }
    bool note_error() {
        int error = 0;
        int size = sizeof error;
        if (open() &&
            ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &size) ==
                0 &&
            error != 0) {
            broken_ = true;
        }
        return broken_;
    }

    SOCKET socket_;
    bool broken_ = false;
    bool finished_ = false;
    std::atomic<bool> echo_stops_{false};
    std::thread echo_;
};

class SocketListener final : public PeerListener {
  public:
    explicit SocketListener(const Endpoint& endpoint) : socket_(make_socket(endpoint.family)) {
        const iocp::SocketAddress address = iocp::to_socket_address(endpoint);
        CHECK(::bind(socket_, address.get(), address.size) == 0);
        CHECK(::listen(socket_, SOMAXCONN) == 0);
    }
    ~SocketListener() override { ::closesocket(socket_); }
    Endpoint local() override { return iocp::local_of(socket_); }
    std::unique_ptr<Peer> accept() override {
        const SOCKET socket = ::accept(socket_, nullptr, nullptr);
        if (socket == INVALID_SOCKET) {
            return nullptr;
        }
        u_long non_blocking = 1;
        CHECK(::ioctlsocket(socket, static_cast<long>(FIONBIO), &non_blocking) == 0);
        return std::make_unique<SocketPeer>(socket);
    }

  private:
    SOCKET socket_;
};

class SocketRig final : public Rig {
  public:
    explicit SocketRig(std::shared_ptr<const BackendFactory> factory)
        : factory_(std::move(factory)) {
        CHECK(iocp::start_winsock().has_value());
    }

    std::unique_ptr<Backend> make_backend(const BackendLimits& limits) override {
        // All that this build has are of this kind.
        auto made = static_cast<const IocpFactory&>(*factory_).create_over(limits, system_);
        if (!made) {
            std::fprintf(stderr, "no backend: %s\n", made.error().what.c_str());
            return nullptr;
        }
        return std::move(*made);
    }
    std::unique_ptr<Peer> connect(const Endpoint& endpoint, const PeerOptions& options) override {
        const SOCKET socket = make_socket(endpoint.family);
        if (options.small_window) {
            set_option(socket, SO_RCVBUF, &kSmallBuffer, sizeof kSmallBuffer);
        }
        const iocp::SocketAddress address = iocp::to_socket_address(endpoint);
        (void)::connect(socket, address.get(), address.size);  // connected() tells
        return std::make_unique<SocketPeer>(socket);
    }
    std::unique_ptr<PeerListener> listen(const Endpoint& endpoint) override {
        return std::make_unique<SocketListener>(endpoint);
    }
    void leave_stale_path(const Endpoint&) override {}  // there are no paths
    void limit_sockets(Backend&, std::size_t more) override { system_.limit(more); }
    std::string leftovers(Backend&) override { return ""; }
    bool real() const override { return true; }
    bool has_unix_paths() const override { return false; }

  private:
    BoundedSystem system_;
    std::shared_ptr<const BackendFactory> factory_;
};

}  // namespace

std::unique_ptr<Rig> make_socket_rig(std::shared_ptr<const BackendFactory> factory) {
    return std::make_unique<SocketRig>(std::move(factory));
}

}  // namespace sluice::conformance
