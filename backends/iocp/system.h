// The system calls of the IOCP backend: Winsock started, addresses, listeners, and the calls that
// begin an operation behind a thin table (System), so that a test can put itself in their place.
// Why: a call may complete at once or later, and under Wine AcceptEx and TransmitFile never
// complete at once.
//
// Functions of set-up return Result; the others are noexcept. System has no state; any thread.
#pragma once

#include "system/win32.h"
// after winsock2.h
#include <mswsock.h>
#include <ws2tcpip.h>

#include "backends/windows/socket.h"
#include "core/backend.h"

namespace sluice::iocp {

using winsock::local_of;
using winsock::peer_of;
using winsock::SocketAddress;
using winsock::to_socket_address;

// An address with the room that AcceptEx asks for behind it ("16 bytes more than the maximum").
inline constexpr DWORD kAcceptAddressBytes = sizeof(sockaddr_in6) + 16;

// How a call left the operation that it was to begin.
struct Begun {
    DWORD error = 0;  // 0: done; WSA_IO_PENDING; or it failed with this
    DWORD bytes = 0;  // when done
    [[nodiscard]] bool done() const { return error == 0; }
    [[nodiscard]] bool pending() const { return error == WSA_IO_PENDING; }
};

class System {
  public:
    virtual ~System() = default;

    // A TCP socket for overlapped operations that child processes do not inherit; INVALID_SOCKET:
    // ::WSAGetLastError() tells.
    [[nodiscard]] virtual SOCKET make_socket(int family) const noexcept;
    // `addresses` has room for two addresses of kAcceptAddressBytes.
    [[nodiscard]] virtual Begun accept(SOCKET listener, SOCKET socket, char* addresses,
                                       OVERLAPPED* operation) const noexcept;
    [[nodiscard]] virtual Begun connect(SOCKET socket, const sockaddr* peer, int peer_bytes,
                                        OVERLAPPED* operation) const noexcept;
    // Receives nothing, when there is something to receive.
    [[nodiscard]] virtual Begun watch(SOCKET socket, OVERLAPPED* operation) const noexcept;
    [[nodiscard]] virtual Begun send(SOCKET socket, WSABUF* slices, DWORD count,
                                     OVERLAPPED* operation) const noexcept;
    // The operation says from where in the file. Its end is told by `routine` on the same thread,
    // in a wait that is alertable: files are shared by all workers, and a port is one worker's.
    // Never done().
    [[nodiscard]] virtual Begun read(HANDLE file, char* out, DWORD bytes, OVERLAPPED* operation,
                                     LPOVERLAPPED_COMPLETION_ROUTINE routine) const noexcept;
    // The operation says from where in the file. `head` leaves first, if there is one.
    [[nodiscard]] virtual Begun transmit(SOCKET socket, HANDLE file, DWORD bytes,
                                         TRANSMIT_FILE_BUFFERS* head,
                                         OVERLAPPED* operation) const noexcept;
};

// Winsock and the calls that it has by request only (AcceptEx, ConnectEx, TransmitFile), once; the
// error is the system's.
[[nodiscard]] Result<void> start_winsock();

// A listening socket. Its port belongs to it alone (SO_EXCLUSIVEADDRUSE): SO_REUSEADDR on Windows
// lets any other program take the port over.
[[nodiscard]] Result<SOCKET> open_listener(const Endpoint& endpoint, const ListenOptions& options);

// Afterwards receives outside of overlapped operations do not block, small sends leave at once, and
// the send buffer has a fixed size: what the system holds is not known, so it is bounded, and a
// peer that takes nothing can be told from a slow one.
void prepare(SOCKET socket) noexcept;

// The error with which an operation that was pending has ended; 0: none.
[[nodiscard]] DWORD error_of(SOCKET socket, OVERLAPPED& operation) noexcept;

}  // namespace sluice::iocp
