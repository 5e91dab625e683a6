#include "backends/iocp/iocp_backend.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace sluice {

using iocp::AcceptGroup;
using iocp::Begun;
using iocp::Message;
using iocp::Operation;

const iocp::System IocpBackend::kSystem;

namespace {

constexpr std::size_t kEntriesMax = 256;
constexpr DWORD kDrainStepMs = 100;
constexpr int kDrainSteps = 100;

HANDLE handle_of(SOCKET socket) noexcept {
    return reinterpret_cast<HANDLE>(socket);
}

}  // namespace

Result<std::unique_ptr<Backend>> IocpBackend::create(const BackendLimits& limits,
                                                     const IocpCapabilities& capabilities,
                                                     const iocp::System& system) {
    if (auto started = iocp::start_winsock(); !started) {
        return std::unexpected(started.error());
    }
    std::unique_ptr<IocpBackend> backend(new IocpBackend(limits, capabilities, system));
    backend->port_ = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
    if (backend->port_ == nullptr) {
        const DWORD error = ::GetLastError();
        return fail(win32::status_of(error), "iocp: completion port: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    return backend;
}

IocpBackend::IocpBackend(const BackendLimits& limits, const IocpCapabilities& capabilities,
                         const iocp::System& system)
    : limits_(limits),
      capabilities_(capabilities),
      system_(system),
      listeners_(limits.listeners),
      sockets_(new Socket_[limits.slots]),
      sends_(limits.slots),
      file_reads_(limits.slots),
      buffers_(new char[std::size_t{limits.recv_buffers} * limits.recv_buffer_bytes]),
      lent_(limits.recv_buffers, false),
      entries_(kEntriesMax),
      outbox_(limits.completions) {
    deliveries_.reserve(AcceptGroup::kPosted);
    readable_.reserve(limits.slots);
    readable_now_.reserve(limits.slots);
    free_buffers_.reserve(limits.recv_buffers);
    for (BufferId id = limits.recv_buffers; id-- > 0;) {
        free_buffers_.push_back(id);
    }
    read_clocks();
}

IocpBackend::~IocpBackend() {
    ending_ = true;
    for (ListenerId id = 0; id < listeners_.size(); ++id) {
        leave_group(id);
    }
    for (Slot slot = 0; slot < limits_.slots; ++slot) {
        Socket_& socket = sockets_[slot];
        if (socket.send != kNoSend) {
            sends_[socket.send].cancel(socket.socket);
        }
        if (socket.reading) {
            cancel_read(slot);
        }
        if (socket.socket != INVALID_SOCKET) {
            (void)::CancelIoEx(handle_of(socket.socket), nullptr);
            ::closesocket(socket.socket);
        }
    }
    if (port_ != nullptr) {
        drain_port();
        ::CloseHandle(port_);
    }
    for (const Completion& completion : outbox_.left()) {
        if (completion.token.kind() == OpKind::accept && completion.more) {
            discard(completion.socket);
        }
    }
}

// Nothing may be freed before the kernel has let go of it.
void IocpBackend::drain_port() noexcept {
    const auto groups_pending = [this] {
        return std::ranges::any_of(closed_groups_,
                                   [](const auto& group) { return group->pending(); });
    };
    for (int step = 0;; ++step) {
        const bool last = pending_ == 0 && !groups_pending();
        CHECK(last || step < kDrainSteps);
        ULONG count = 0;
        const bool any = ::GetQueuedCompletionStatusEx(port_, entries_.data(),
                                                       static_cast<ULONG>(entries_.size()), &count,
                                                       last ? 0 : kDrainStepMs, TRUE) != 0;
        for (ULONG i = 0; any && i < count; ++i) {
            const OVERLAPPED_ENTRY& entry = entries_[i];
            if (entry.lpCompletionKey == static_cast<ULONG_PTR>(Message::accepted)) {
                ::closesocket(reinterpret_cast<SOCKET>(entry.lpOverlapped));
            } else if (entry.lpCompletionKey == static_cast<ULONG_PTR>(Message::operation)) {
                auto& operation = static_cast<Operation&>(*entry.lpOverlapped);
                if (operation.kind == Operation::Kind::accept) {
                    auto& accept = static_cast<AcceptGroup::Operation_&>(operation);
                    accept.group->on_packet(accept, deliveries_);
                } else {
                    on_ended(operation, 0, 0);
                }
            }
        }
        if (last && !any) {
            return;
        }
    }
}

IocpBackend::Socket_& IocpBackend::at(Slot slot) noexcept {
    CHECK(slot < limits_.slots && sockets_[slot].open && !sockets_[slot].closing);
    return sockets_[slot];
}

IocpBackend::Socket_& IocpBackend::at(Token token) noexcept {
    Socket_& socket = at(token.slot());
    CHECK(socket.generation == token.generation());
    return socket;
}

bool IocpBackend::expect_packet(Operation& operation, const Begun& begun) noexcept {
    if (begun.pending() || (begun.done() && !capabilities_.skip_on_success)) {
        operation.pending = true;
        ++pending_;
        return true;
    }
    return false;
}

// ---- listeners -------------------------------------------------------------------------------

Result<ListenerId> IocpBackend::listen(const Endpoint& endpoint, const ListenOptions& options) {
    const auto place = std::find_if(listeners_.begin(), listeners_.end(),
                                    [](const Listener& one) { return one.group == nullptr; });
    if (place == listeners_.end()) {
        return fail(Status::no_memory, "too many listeners");
    }
    if (options.inherit != kNoSocket) {
        return fail(Status::not_supported, "listen: a listening socket cannot be inherited");
    }
    const auto id = static_cast<ListenerId>(place - listeners_.begin());
    if (options.share_port && endpoint.port != 0) {
        if (auto group = AcceptGroup::join(endpoint, port_, id); group != nullptr) {
            *place = Listener{std::move(group), {}, false};
            return id;
        }
    }
    auto socket = iocp::open_listener(endpoint, options);
    if (!socket) {
        return std::unexpected(socket.error());
    }
    auto group = std::make_shared<AcceptGroup>(system_, *socket, port_, options.share_port);
    if (::CreateIoCompletionPort(handle_of(*socket), port_, 0, 0) == nullptr) {
        const DWORD error = ::GetLastError();
        return fail(win32::status_of(error),
                    endpoint.to_string() + ": completion port: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    AcceptGroup::publish(group, id);
    *place = Listener{std::move(group), {}, false};
    return id;
}

Result<Endpoint> IocpBackend::local(ListenerId listener) const {
    CHECK(listener < listeners_.size() && listeners_[listener].group != nullptr);
    return listeners_[listener].group->local();
}

void IocpBackend::accept_start(ListenerId id, Token token) noexcept {
    CHECK(id < listeners_.size() && listeners_[id].group != nullptr && !listeners_[id].accepting);
    CHECK(token.kind() == OpKind::accept && token.slot() == id);
    Listener& listener = listeners_[id];
    listener.accepting = true;
    listener.token = token;
    deliveries_.clear();
    listener.group->start(port_, id, deliveries_);
    deliver(deliveries_);
}

void IocpBackend::accept_stop(ListenerId id) noexcept {
    CHECK(id < listeners_.size() && listeners_[id].group != nullptr);
    Listener& listener = listeners_[id];
    if (!listener.accepting || !listener.group->stop(port_, id)) {
        return;
    }
    if (listener.group->owner() == port_) {
        deliver_one({id, Status::cancelled, INVALID_SOCKET});
    } else {
        // Behind the sockets that another thread has handed to us already.
        iocp::post(port_, Message::accept_end, id, static_cast<std::uintptr_t>(Status::cancelled));
    }
}

void IocpBackend::close_listener(ListenerId id) noexcept {
    CHECK(id < listeners_.size() && !listeners_[id].accepting);
    leave_group(id);
}

void IocpBackend::leave_group(ListenerId id) noexcept {
    Listener& listener = listeners_[id];
    if (listener.group == nullptr) {
        return;
    }
    listener.group->leave(port_, id);
    if (listener.group->owner() == port_ && listener.group->pending()) {
        closed_groups_.push_back(std::move(listener.group));
    }
    listener = Listener{};
}

void IocpBackend::deliver(const std::vector<AcceptGroup::Delivery>& deliveries) noexcept {
    for (const AcceptGroup::Delivery& delivery : deliveries) {
        deliver_one(delivery);
    }
}

void IocpBackend::deliver_one(const AcceptGroup::Delivery& delivery) noexcept {
    Listener& listener = listeners_[delivery.listener];
    Completion& completion = outbox_.add(listener.token, delivery.status);
    if (delivery.status == Status::ok) {
        completion.more = true;
        completion.socket = static_cast<Socket>(delivery.socket);
    } else {
        listener.accepting = false;
    }
}

void IocpBackend::discard(Socket socket) noexcept {
    ::closesocket(static_cast<SOCKET>(socket));
}

// ---- sockets ---------------------------------------------------------------------------------

IocpBackend::Socket_& IocpBackend::bind(Slot slot, Generation generation, SOCKET fd) noexcept {
    CHECK(slot < limits_.slots && !sockets_[slot].open);
    Socket_& socket = sockets_[slot];
    const bool listed = socket.listed;  // an entry of an earlier life may still be in readable_
    socket = Socket_{};
    socket.listed = listed;
    socket.watch.slot = slot;
    socket.socket = fd;
    socket.generation = generation;
    socket.open = true;
    if (fd != INVALID_SOCKET && !associate(fd)) {
        // No memory: the connection breaks, as it would for the peer.
        ::closesocket(fd);
        socket.socket = INVALID_SOCKET;
        socket.broken = Status::reset;
        socket.readable = true;
    }
    return socket;
}

bool IocpBackend::associate(SOCKET socket) noexcept {
    constexpr UCHAR kModes = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE;
    return ::CreateIoCompletionPort(handle_of(socket), port_, 0, 0) != nullptr &&
           (!capabilities_.skip_on_success ||
            ::SetFileCompletionNotificationModes(handle_of(socket), kModes) != 0);
}

void IocpBackend::adopt(Slot slot, Generation generation, Socket socket) noexcept {
    bind(slot, generation, static_cast<SOCKET>(socket));
}

void IocpBackend::connect(Token token, const Endpoint& peer) noexcept {
    CHECK(token.kind() == OpKind::connect);
    const iocp::SocketAddress address = iocp::to_socket_address(peer);
    SOCKET fd = INVALID_SOCKET;
    Status status = Status::not_supported;
    if (address.size > 0) {
        fd = system_.make_socket(address.storage.ss_family);
        status = fd == INVALID_SOCKET ? win32::status_of(static_cast<DWORD>(::WSAGetLastError()))
                                      : Status::ok;
    }
    Socket_& socket = bind(token.slot(), token.generation(), fd);
    if (socket.socket == INVALID_SOCKET) {
        outbox_.add(token, status == Status::ok ? Status::no_memory : status);
        return;
    }
    iocp::prepare(fd);
    // ConnectEx wants a socket that is bound.
    sockaddr_storage any{};
    any.ss_family = address.storage.ss_family;
    socket.watch.reset();
    socket.watch.kind = Operation::Kind::connect;
    Begun begun;
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&any), address.size) != 0) {
        begun.error = static_cast<DWORD>(::WSAGetLastError());
    } else {
        begun = system_.connect(fd, address.get(), address.size, &socket.watch);
    }
    socket.connecting = expect_packet(socket.watch, begun);
    if (!socket.connecting) {
        on_connected(token.slot(), socket);
        outbox_.add(token, win32::status_of(begun.error));
    }
}

void IocpBackend::on_connected(Slot slot, Socket_& socket) noexcept {
    socket.connecting = false;
    socket.watch.kind = Operation::Kind::watch;
    (void)::setsockopt(socket.socket, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, nullptr, 0);
    if (!socket.closing && socket.receiving) {
        watch(slot, socket);
    }
}

Endpoint IocpBackend::peer(Slot slot) const noexcept {
    CHECK(slot < limits_.slots);
    return iocp::peer_of(sockets_[slot].socket);
}

Socket IocpBackend::native(Slot slot) const noexcept {
    CHECK(slot < limits_.slots);
    const Socket_& socket = sockets_[slot];
    return socket.open && socket.socket != INVALID_SOCKET ? static_cast<Socket>(socket.socket)
                                                          : kNoSocket;
}

// ---- receiving -------------------------------------------------------------------------------

void IocpBackend::recv_start(Token token) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::recv && !socket.receiving);
    socket.receiving = true;
    watch(token.slot(), socket);
    list_readable(token.slot(), socket);
}

void IocpBackend::recv_stop(Slot slot) noexcept {
    Socket_& socket = at(slot);
    if (socket.receiving) {
        end_recv(slot, socket, Status::cancelled);
    }
}

void IocpBackend::end_recv(Slot slot, Socket_& socket, Status status) noexcept {
    socket.receiving = false;
    outbox_.add(Token{slot, socket.generation, OpKind::recv}, status);
}

void IocpBackend::release(BufferId buffer) noexcept {
    CHECK(buffer < limits_.recv_buffers && lent_[buffer]);
    lent_[buffer] = false;
    free_buffers_.push_back(buffer);
}

// Has the socket tell when there is something to receive, unless that is known already.
void IocpBackend::watch(Slot slot, Socket_& socket) noexcept {
    if (socket.readable || socket.watch.pending || socket.connecting) {
        return;
    }
    socket.watch.reset();
    const Begun begun = system_.watch(socket.socket, &socket.watch);
    if (!expect_packet(socket.watch, begun)) {
        note_readable(slot, socket, win32::status_of(begun.error));
    }
}

void IocpBackend::note_readable(Slot slot, Socket_& socket, Status broken) noexcept {
    if (broken != Status::ok && socket.broken == Status::ok) {
        socket.broken = broken == Status::timed_out ? broken : Status::reset;
    }
    socket.readable = true;
    list_readable(slot, socket);
}

void IocpBackend::list_readable(Slot slot, Socket_& socket) noexcept {
    if (socket.readable && socket.receiving && !socket.listed) {
        socket.listed = true;
        readable_.push_back(slot);
    }
}

// One chunk for each socket that has something, as long as there are buffers.
void IocpBackend::receive_some() noexcept {
    readable_now_.clear();
    std::swap(readable_, readable_now_);
    for (const Slot slot : readable_now_) {
        Socket_& socket = sockets_[slot];
        socket.listed = false;
        if (!socket.open || socket.closing || !socket.receiving || !socket.readable) {
            continue;
        }
        if (receive_one(slot, socket)) {
            list_readable(slot, socket);
        }
    }
}

// True when there may be more to read.
bool IocpBackend::receive_one(Slot slot, Socket_& socket) noexcept {
    if (free_buffers_.empty()) {
        return true;  // waits for release()
    }
    const BufferId id = free_buffers_.back();
    char* data = &buffers_[std::size_t{id} * limits_.recv_buffer_bytes];
    const int n = ::recv(socket.socket, data, static_cast<int>(limits_.recv_buffer_bytes), 0);
    if (n > 0) {
        free_buffers_.pop_back();
        lent_[id] = true;
        Completion& completion =
            outbox_.add(Token{slot, socket.generation, OpKind::recv}, Status::ok);
        completion.more = true;
        completion.buffer = id;
        completion.size = static_cast<std::uint32_t>(n);
        completion.data = data;
        socket.readable = static_cast<std::uint32_t>(n) == limits_.recv_buffer_bytes ||
                          socket.broken != Status::ok;
        watch(slot, socket);
        return socket.readable;
    }
    const auto error = n < 0 ? static_cast<DWORD>(::WSAGetLastError()) : 0;
    if (error == WSAEWOULDBLOCK && socket.broken == Status::ok) {
        socket.readable = false;
        watch(slot, socket);
        return socket.readable;
    }
    // After a reset the first call that meets it says so, and those that follow may not.
    Status end = n == 0 ? Status::eof : win32::status_of(error);
    // Under Wine no call may have said so: then the socket has no peer any more, although we have
    // not finished our direction.
    if (n == 0 && !socket.finishing && iocp::peer_of(socket.socket).family == Family::none) {
        end = Status::reset;
    }
    if (socket.broken != Status::ok) {
        end = socket.broken;
    } else if (end != Status::eof && end != Status::timed_out) {
        end = Status::reset;
    }
    end_recv(slot, socket, end);
    return false;
}

// ---- the rest of the verbs -------------------------------------------------------------------

void IocpBackend::shutdown_send(Slot slot) noexcept {
    Socket_& socket = at(slot);
    socket.finishing = true;
    if (socket.send == kNoSend) {
        ::shutdown(socket.socket, SD_SEND);  // else it follows the send in flight
    }
}

void IocpBackend::close(Token token) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::close);
    if (socket.receiving) {
        end_recv(token.slot(), socket, Status::cancelled);
    }
    socket.closing = true;
    if (socket.watch.pending) {
        (void)::CancelIoEx(handle_of(socket.socket), &socket.watch);
    }
    if (socket.send != kNoSend) {
        sends_[socket.send].cancel(socket.socket);
    }
    if (socket.reading) {
        cancel_read(token.slot());
    }
    finish_close(token.slot(), socket);
}

void IocpBackend::finish_close(Slot slot, Socket_& socket) noexcept {
    if (!socket.closing || socket.watch.pending || socket.send != kNoSend || socket.reading) {
        return;
    }
    if (socket.socket != INVALID_SOCKET) {
        ::closesocket(socket.socket);
    }
    const Token token{slot, socket.generation, OpKind::close};
    const bool listed = socket.listed;
    socket = Socket_{};
    socket.listed = listed;
    outbox_.add(token, Status::ok);
}

// ---- the loop --------------------------------------------------------------------------------

void IocpBackend::wake() noexcept {
    if (!wake_pending_.exchange(true, std::memory_order_acq_rel)) {
        iocp::post(port_, Message::wake, 0, 0);
    }
}

void IocpBackend::on_packet(const OVERLAPPED_ENTRY& entry) noexcept {
    const auto value = reinterpret_cast<std::uintptr_t>(entry.lpOverlapped);
    const ListenerId listener = entry.dwNumberOfBytesTransferred;
    switch (static_cast<Message>(entry.lpCompletionKey)) {
        case Message::wake:
            // Cleared before the caller looks at its mailbox, so that a later wake() is never lost.
            (void)wake_pending_.exchange(false, std::memory_order_acq_rel);
            return;
        case Message::accepted:
            deliver_one({listener, Status::ok, static_cast<SOCKET>(value)});
            return;
        case Message::accept_end:
            deliver_one({listener, static_cast<Status>(value), INVALID_SOCKET});
            return;
        case Message::operation: break;
    }
    auto& operation = static_cast<Operation&>(*entry.lpOverlapped);
    if (operation.kind == Operation::Kind::accept) {
        auto& accept = static_cast<AcceptGroup::Operation_&>(operation);
        deliveries_.clear();
        accept.group->on_packet(accept, deliveries_);
        deliver(deliveries_);
        std::erase_if(closed_groups_, [](const auto& group) { return !group->pending(); });
        return;
    }
    on_ended(operation, iocp::error_of(sockets_[operation.slot].socket, operation),
             entry.dwNumberOfBytesTransferred);
}

// An operation of a slot is over.
void IocpBackend::on_ended(Operation& operation, DWORD error, std::uint32_t bytes) noexcept {
    operation.pending = false;
    --pending_;
    if (ending_) {
        return;
    }
    const Slot slot = operation.slot;
    Socket_& socket = sockets_[slot];
    if (operation.kind == Operation::Kind::send) {
        on_sent(socket, error, bytes);
    } else if (operation.kind == Operation::Kind::read) {
        on_file_read(static_cast<iocp::ReadState&>(operation), error, bytes);
    } else {
        const Status status = win32::status_of(error);
        if (operation.kind == Operation::Kind::connect) {
            on_connected(slot, socket);
            outbox_.add(Token{slot, socket.generation, OpKind::connect}, status);
        } else if (!socket.closing) {
            note_readable(slot, socket, status);
        }
    }
    finish_close(slot, socket);
}

// How long may be waited, in the system's unit. Rounded up: a deadline that is almost there must
// not become many calls that do not wait.
static DWORD milliseconds_until(Nanos deadline, Nanos now) noexcept {
    if (deadline == kNever) {
        return INFINITE;
    }
    const Nanos left = std::max<Nanos>(deadline - now, 0);
    constexpr Nanos kMost = 1'000'000'000;
    return static_cast<DWORD>(
        std::min(left / kMillisecond + (left % kMillisecond > 0 ? 1 : 0), kMost));
}

void IocpBackend::wait(Nanos deadline) noexcept {
    if (reads_ > 0) {
        // Their ends come in alertable waits only, and the call below does not wait while the port
        // is full.
        (void)::SleepEx(0, TRUE);
    }
    const bool can_receive = !readable_.empty() && !free_buffers_.empty();
    DWORD timeout = 0;
    if (!outbox_.urgent() && !can_receive && deadline > now_) {
        if (transmits_ > 0) {
            deadline = std::min(deadline, stalled_look_at_);
        }
        timeout = milliseconds_until(deadline, win32::monotonic_now());
    }
    ULONG count = 0;
    if (::GetQueuedCompletionStatusEx(port_, entries_.data(), static_cast<ULONG>(entries_.size()),
                                      &count, timeout, TRUE) == 0) {
        // Anything else would come again at once, and the loop would spin without serving anybody.
        const DWORD error = ::GetLastError();
        CHECK(error == WAIT_TIMEOUT || error == WAIT_IO_COMPLETION);
        count = 0;
    }
    read_clocks();
    // What was sent is told before what may answer it.
    const auto is_send = [](const OVERLAPPED_ENTRY& entry) {
        return static_cast<Message>(entry.lpCompletionKey) == Message::operation &&
               static_cast<Operation&>(*entry.lpOverlapped).kind == Operation::Kind::send;
    };
    const std::span<OVERLAPPED_ENTRY> all(entries_.data(), count);
    for (const bool sends : {true, false}) {
        for (const OVERLAPPED_ENTRY& entry : all) {
            if (is_send(entry) == sends) {
                on_packet(entry);
            }
        }
    }
    if (transmits_ > 0 && now_ >= stalled_look_at_) {
        look_at_stalled();
    }
}

std::span<const Completion> IocpBackend::poll(Nanos deadline) noexcept {
    if (outbox_has_turn()) {
        return outbox_.hand_over();
    }
    wait(deadline);
    if (!readable_.empty()) {
        receive_some();
    }
    return outbox_.hand_over();
}

// What is complete already is handed over without asking the kernel again, but never twice in a
// row, so that sockets keep their turn.
bool IocpBackend::outbox_has_turn() noexcept {
    waited_last_time_ = !(outbox_.urgent() && waited_last_time_);
    return !waited_last_time_;
}

void IocpBackend::read_clocks() noexcept {
    now_ = win32::monotonic_now();
    wall_seconds_ = win32::wall_now_ns() / kSecond;
}

}  // namespace sluice
