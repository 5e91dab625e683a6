#include "backends/iocp/system.h"

namespace sluice::iocp {

namespace {

constexpr int kSendBufferBytes = 256 * 1024;

struct Extensions {
    LPFN_ACCEPTEX accept = nullptr;
    LPFN_CONNECTEX connect = nullptr;
    LPFN_TRANSMITFILE transmit = nullptr;
    DWORD error = 0;
};

template <typename Function>
bool load(SOCKET socket, GUID id, Function& function) noexcept {
    DWORD bytes = 0;
    return ::WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id,
                      static_cast<void*>(&function), sizeof function, &bytes, nullptr,
                      nullptr) == 0;
}

Extensions start_and_load() noexcept {
    Extensions found;
    found.error = winsock::start();
    if (found.error != 0) {
        return found;
    }
    const SOCKET socket =
        ::WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0, WSA_FLAG_OVERLAPPED);
    if (socket == INVALID_SOCKET || !load(socket, WSAID_ACCEPTEX, found.accept) ||
        !load(socket, WSAID_CONNECTEX, found.connect) ||
        !load(socket, WSAID_TRANSMITFILE, found.transmit)) {
        found.error = static_cast<DWORD>(::WSAGetLastError());
    }
    if (socket != INVALID_SOCKET) {
        ::closesocket(socket);
    }
    return found;
}

const Extensions& extensions() noexcept {
    static const Extensions loaded = start_and_load();
    return loaded;
}

Begun begun(bool done, DWORD bytes) noexcept {
    return done ? Begun{0, bytes} : Begun{static_cast<DWORD>(::WSAGetLastError()), 0};
}

int family_number(const Endpoint& endpoint) noexcept {
    return endpoint.family == Family::ipv4 ? AF_INET : AF_INET6;
}

template <typename Value>
int set_option(SOCKET socket, int level, int name, const Value& value) noexcept {
    return ::setsockopt(socket, level, name, reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

SOCKET System::make_socket(int family) const noexcept {
    return ::WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

Begun System::accept(SOCKET listener, SOCKET socket, char* addresses,
                     OVERLAPPED* operation) const noexcept {
    DWORD bytes = 0;
    const bool done = extensions().accept(listener, socket, addresses, 0, kAcceptAddressBytes,
                                          kAcceptAddressBytes, &bytes, operation) != 0;
    return begun(done, bytes);
}

Begun System::connect(SOCKET socket, const sockaddr* peer, int peer_bytes,
                      OVERLAPPED* operation) const noexcept {
    DWORD bytes = 0;
    const bool done =
        extensions().connect(socket, peer, peer_bytes, nullptr, 0, &bytes, operation) != 0;
    return begun(done, bytes);
}

Begun System::watch(SOCKET socket, OVERLAPPED* operation) const noexcept {
    WSABUF nothing{0, nullptr};
    DWORD bytes = 0;
    DWORD flags = 0;
    const bool done = ::WSARecv(socket, &nothing, 1, &bytes, &flags, operation, nullptr) == 0;
    return begun(done, bytes);
}

Begun System::send(SOCKET socket, WSABUF* slices, DWORD count,
                   OVERLAPPED* operation) const noexcept {
    DWORD bytes = 0;
    const bool done = ::WSASend(socket, slices, count, &bytes, 0, operation, nullptr) == 0;
    return begun(done, bytes);
}

Begun System::read(HANDLE file, char* out, DWORD bytes, OVERLAPPED* operation,
                   LPOVERLAPPED_COMPLETION_ROUTINE routine) const noexcept {
    const bool begun = ::ReadFileEx(file, out, bytes, operation, routine) != 0;
    return {begun ? DWORD{WSA_IO_PENDING} : ::GetLastError(), 0};
}

Begun System::transmit(SOCKET socket, HANDLE file, DWORD bytes, TRANSMIT_FILE_BUFFERS* head,
                       OVERLAPPED* operation) const noexcept {
    const bool done = extensions().transmit(socket, file, bytes, 0, operation, head, 0) != 0;
    return begun(done, bytes + (head == nullptr ? 0 : head->HeadLength));
}

Result<void> start_winsock() {
    if (const DWORD error = extensions().error; error != 0) {
        return fail(win32::status_of(error), "Winsock: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    return {};
}

Result<SOCKET> open_listener(const Endpoint& endpoint, const ListenOptions& options) {
    if (endpoint.family == Family::none ||
        (endpoint.family == Family::unix_path && endpoint.path.empty())) {
        return fail(Status::address_invalid, "listen: no address");
    }
    if (endpoint.family == Family::unix_path) {
        return fail(Status::not_supported,
                    endpoint.to_string() + ": Unix sockets are not for Windows");
    }
    const SOCKET socket = System{}.make_socket(family_number(endpoint));
    const auto failed = [&](const char* step) {
        const auto error = static_cast<DWORD>(::WSAGetLastError());
        if (socket != INVALID_SOCKET) {
            ::closesocket(socket);
        }
        // A port that somebody holds exclusively is not "in use" but forbidden, and so are those
        // that the system keeps for itself.
        const Status status = error == WSAEACCES ? Status::address_in_use : win32::status_of(error);
        return fail(status, endpoint.to_string() + ": " + step + ": " + win32::text_of(error),
                    static_cast<int>(error));
    };
    if (socket == INVALID_SOCKET) {
        return failed("socket");
    }
    const BOOL yes = TRUE;
    if (set_option(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, yes) != 0) {
        return failed("SO_EXCLUSIVEADDRUSE");
    }
    const DWORD v6_only = options.v6_only ? 1 : 0;
    if (endpoint.family == Family::ipv6 &&
        set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, v6_only) != 0) {
        return failed("IPV6_V6ONLY");
    }
    const SocketAddress address = to_socket_address(endpoint);
    if (::bind(socket, address.get(), address.size) != 0) {
        return failed("bind");
    }
    if (::listen(socket, options.backlog) != 0) {
        return failed("listen");
    }
    return socket;
}

void prepare(SOCKET socket) noexcept {
    u_long non_blocking = 1;
    (void)::ioctlsocket(socket, static_cast<long>(FIONBIO), &non_blocking);
    const DWORD yes = 1;
    (void)set_option(socket, IPPROTO_TCP, TCP_NODELAY, yes);
    (void)set_option(socket, SOL_SOCKET, SO_SNDBUF, kSendBufferBytes);
}

DWORD error_of(SOCKET socket, OVERLAPPED& operation) noexcept {
    if (operation.Internal == 0) {  // STATUS_SUCCESS
        return 0;
    }
    DWORD bytes = 0;
    DWORD flags = 0;
    if (::WSAGetOverlappedResult(socket, &operation, &bytes, FALSE, &flags) != 0) {
        return 0;
    }
    return static_cast<DWORD>(::WSAGetLastError());
}

}  // namespace sluice::iocp
