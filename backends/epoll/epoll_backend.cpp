#include "backends/epoll/epoll_backend.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "backends/posix/socket.h"

namespace sluice {

using posix::SendState;
using posix::status_of;
using posix::Step;

namespace {

constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kWriteEvents = kReadEvents | EPOLLOUT;
constexpr int kAcceptBudget = 64;  // connections taken from one listener in one poll
constexpr std::size_t kEventsMax = 256;
constexpr Nanos kWaitMax = 1'000'000'000;  // milliseconds in one epoll_wait(2): fits an int

constexpr Token kWakeToken{0, 0, OpKind::internal};

}  // namespace

int EpollBackend::pwait2_refusal() noexcept {
    epoll_event event{};
    const timespec none{};
    // There is no epoll set here: a system that has the call objects to that and to nothing else.
    (void)::epoll_pwait2(-1, &event, 1, &none, nullptr);
    return errno == EBADF ? 0 : errno;
}

Result<std::unique_ptr<Backend>> EpollBackend::create(const BackendLimits& limits,
                                                      bool allow_pwait2) {
    std::unique_ptr<EpollBackend> backend(
        new EpollBackend(limits, allow_pwait2 && pwait2_refusal() == 0));
    const auto failed = [](const char* step) {
        return fail(status_of(errno), std::string("epoll: ") + step + ": " + std::strerror(errno),
                    errno);
    };
    backend->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (backend->epoll_ < 0) {
        return failed("epoll_create1");
    }
    if (auto opened = backend->open_event(); !opened) {
        return std::unexpected(opened.error());
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWakeToken.value;
    if (::epoll_ctl(backend->epoll_, EPOLL_CTL_ADD, backend->event_, &event) != 0) {
        return failed("epoll_ctl");
    }
    return backend;
}

EpollBackend::EpollBackend(const BackendLimits& limits, bool pwait2)
    : SocketBackend(limits),
      pwait2_(pwait2),
      sockets_(new Socket_[limits.slots]),
      sends_(limits.slots),
      reads_(limits.slots, [this] { wake(); }),
      buffers_(new char[std::size_t{limits.recv_buffers} * limits.recv_buffer_bytes]),
      lent_(limits.recv_buffers, false),
      events_(kEventsMax) {
    readable_.reserve(limits.slots);
    readable_now_.reserve(limits.slots);
    free_buffers_.reserve(limits.recv_buffers);
    for (BufferId id = limits.recv_buffers; id-- > 0;) {
        free_buffers_.push_back(id);
    }
}

EpollBackend::~EpollBackend() {
    for (Slot slot = 0; slot < limits_.slots; ++slot) {
        if (sockets_[slot].fd >= 0) {
            ::close(sockets_[slot].fd);
        }
    }
    if (epoll_ >= 0) {
        ::close(epoll_);
    }
}

EpollBackend::Socket_& EpollBackend::at(Slot slot) noexcept {
    CHECK(slot < limits_.slots && sockets_[slot].open && !sockets_[slot].closing);
    return sockets_[slot];
}

EpollBackend::Socket_& EpollBackend::at(Token token) noexcept {
    Socket_& socket = at(token.slot());
    CHECK(socket.generation == token.generation());
    return socket;
}

// ---- listeners -------------------------------------------------------------------------------

void EpollBackend::accept_start(ListenerId id, Token token) noexcept {
    watch(begin_accept(id, token));
}

void EpollBackend::watch(Listener& listener) noexcept {
    // Level-triggered: a burst larger than the budget is simply seen again.
    epoll_event event{};
    event.events = listener.shared ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN;
    event.data.u64 = listener.token.value;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener.fd, &event) != 0) {
        end_accept(listener, status_of(errno));
    }
}

void EpollBackend::accept_stop(ListenerId id) noexcept {
    CHECK(id < listeners_.size());
    Listener& listener = listeners_[id];
    if (listener.accepting) {
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener.fd, nullptr);
        end_accept(listener, Status::cancelled);
    }
}

void EpollBackend::accept_some(ListenerId id) noexcept {
    Listener& listener = listeners_[id];
    for (int i = 0; i < kAcceptBudget && listener.accepting; ++i) {
        const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted(listener, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (!posix::concerns_one_connection(errno)) {
            const Status status = status_of(errno);
            ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener.fd, nullptr);
            end_accept(listener, status);
        }
        if (listener.shared && listener.accepting) {
            // The kernel wakes the first that waits at a socket: now it is another's turn.
            ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener.fd, nullptr);
            watch(listener);
            return;
        }
    }
}

// ---- sockets ---------------------------------------------------------------------------------

void EpollBackend::bind(Slot slot, Generation generation, int fd, std::uint32_t events) noexcept {
    CHECK(slot < limits_.slots && !sockets_[slot].open);
    Socket_& socket = sockets_[slot];
    const bool listed = socket.listed;  // an entry of an earlier life may still be in readable_
    socket = Socket_{};
    socket.listed = listed;
    socket.fd = fd;
    socket.generation = generation;
    socket.open = true;
    socket.writable_watched = (events & EPOLLOUT) != 0;
    epoll_event event{};
    event.events = events;
    event.data.u64 = Token{slot, generation, OpKind::recv}.value;
    if (fd >= 0 && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
        // ENOMEM or the user's watch limit: the connection breaks, as it would for the peer.
        socket.readable = true;
        ::shutdown(fd, SHUT_RDWR);
    }
}

void EpollBackend::adopt(Slot slot, Generation generation, Socket socket) noexcept {
    bind(slot, generation, static_cast<int>(socket), kReadEvents);
}

void EpollBackend::connect(Token token, const Endpoint& peer) noexcept {
    CHECK(token.kind() == OpKind::connect);
    // Registered after connect(2): an unconnected socket would report a hang-up at once.
    const posix::Connecting begun = posix::begin_connect(peer);
    bind(token.slot(), token.generation(), begun.fd, kWriteEvents);
    sockets_[token.slot()].connecting = begun.pending;
    if (!begun.pending) {
        outbox_.add(token, begun.status);
    }
}

void EpollBackend::finish_connect(Slot slot, Socket_& socket) noexcept {
    socket.connecting = false;
    outbox_.add(Token{slot, socket.generation, OpKind::connect}, posix::end_connect(socket.fd));
}

Socket EpollBackend::native(Slot slot) const noexcept {
    CHECK(slot < limits_.slots);
    return sockets_[slot].open ? sockets_[slot].fd : kNoSocket;
}

void EpollBackend::recv_start(Token token) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::recv && !socket.receiving);
    socket.receiving = true;
    list_readable(token.slot(), socket);
}

void EpollBackend::recv_stop(Slot slot) noexcept {
    Socket_& socket = at(slot);
    if (socket.receiving) {
        socket.receiving = false;
        outbox_.add(Token{slot, socket.generation, OpKind::recv}, Status::cancelled);
    }
}

void EpollBackend::release(BufferId buffer) noexcept {
    CHECK(buffer < limits_.recv_buffers && lent_[buffer]);
    lent_[buffer] = false;
    free_buffers_.push_back(buffer);
}

void EpollBackend::list_readable(Slot slot, Socket_& socket) noexcept {
    if (socket.readable && socket.receiving && !socket.listed) {
        socket.listed = true;
        readable_.push_back(slot);
    }
}

// One chunk for each socket that has something, as long as there are buffers.
void EpollBackend::receive_some() noexcept {
    readable_now_.clear();
    std::swap(readable_, readable_now_);
    for (const Slot slot : readable_now_) {
        Socket_& socket = sockets_[slot];
        socket.listed = false;
        if (!socket.open || !socket.receiving || !socket.readable) {
            continue;
        }
        if (receive_one(slot, socket)) {
            list_readable(slot, socket);
        }
    }
}

// True when there may be more to read.
bool EpollBackend::receive_one(Slot slot, Socket_& socket) noexcept {
    if (free_buffers_.empty()) {
        return true;  // waits for release()
    }
    const BufferId id = free_buffers_.back();
    char* data = &buffers_[std::size_t{id} * limits_.recv_buffer_bytes];
    const Token token{slot, socket.generation, OpKind::recv};
    ssize_t n = 0;
    do {
        n = ::recv(socket.fd, data, limits_.recv_buffer_bytes, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        free_buffers_.pop_back();
        lent_[id] = true;
        Completion& completion = outbox_.add(token, Status::ok);
        completion.more = true;
        completion.buffer = id;
        completion.size = static_cast<std::uint32_t>(n);
        completion.data = data;
        return true;
    }
    if (n < 0 && errno == EAGAIN) {
        socket.readable = false;
        return false;
    }
    socket.receiving = false;
    outbox_.add(token,
                n == 0 ? posix::end_of_stream(socket.fd, socket.finishing) : status_of(errno));
    return false;
}

// ---- sending ---------------------------------------------------------------------------------

void EpollBackend::send(Token token, std::span<const Slice> slices, SendUrgency urgency) noexcept {
    begin_send(token, slices, FileRange{}, urgency);
}

void EpollBackend::send_file(Token token, std::span<const Slice> head, const FileRange& range,
                             SendUrgency urgency) noexcept {
    begin_send(token, head, range, urgency);
}

void EpollBackend::begin_send(Token token, std::span<const Slice> head, const FileRange& range,
                              SendUrgency urgency) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::send && socket.parked == kNotParked);
    trying_.start(token, head, range, urgency);
    const Step step = trying_.step(socket.fd);
    if (step != Step::blocked) {
        finish_send(trying_, step);
        return;
    }
    socket.parked = sends_.acquire();
    CHECK(socket.parked != kNotParked);
    sends_[socket.parked] = trying_;
    watch_writable(token.slot(), socket);
}

void EpollBackend::finish_send(const SendState& state, Step step) noexcept {
    Socket_& socket = sockets_[state.token.slot()];
    if (step == Step::done && socket.finishing) {
        ::shutdown(socket.fd, SHUT_WR);
    }
    outbox_.add_send(state.token, step == Step::done ? Status::ok : state.failure, state.sent,
                     state.urgency);
}

void EpollBackend::watch_writable(Slot slot, Socket_& socket) noexcept {
    if (socket.writable_watched) {
        return;
    }
    socket.writable_watched = true;
    epoll_event event{};
    event.events = kWriteEvents;
    event.data.u64 = Token{slot, socket.generation, OpKind::recv}.value;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, socket.fd, &event);
}

void EpollBackend::on_writable(Slot slot, Socket_& socket) noexcept {
    if (socket.connecting) {
        finish_connect(slot, socket);
    }
    if (socket.parked != kNotParked) {
        SendState& state = sends_[socket.parked];
        const Step step = state.step(socket.fd);
        if (step != Step::blocked) {
            finish_send(state, step);
            sends_.release(socket.parked);
            socket.parked = kNotParked;
        }
    }
}

std::uint64_t EpollBackend::unacknowledged(Slot slot) const noexcept {
    CHECK(slot < limits_.slots && sockets_[slot].open);
    const Socket_& socket = sockets_[slot];
    return posix::queued_bytes(socket.fd) +
           (socket.parked == kNotParked ? 0 : sends_[socket.parked].left());
}

// ---- reading files ---------------------------------------------------------------------------

void EpollBackend::read(Token token, const FileRange& range, char* into) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::read && !socket.reading);
    posix::FileRead read{.token = token, .range = range, .into = into};
    socket.reading = true;
    if (read.try_now()) {
        finish_read(read);
    } else if (!reads_.begin(read)) {
        read.status = Status::no_memory;
        finish_read(read);
    }
}

void EpollBackend::take_reads() noexcept {
    reads_.take([this](const posix::FileRead& read) { finish_read(read); });
}

void EpollBackend::finish_read(const posix::FileRead& read) noexcept {
    Socket_& socket = sockets_[read.token.slot()];
    socket.reading = false;
    outbox_.add(read.token, read.status).bytes = read.done;
    if (socket.closing) {
        end_close(read.token.slot());
    }
}

// ---- the rest of the verbs -------------------------------------------------------------------

void EpollBackend::shutdown_send(Slot slot) noexcept {
    Socket_& socket = at(slot);
    socket.finishing = true;
    if (socket.parked == kNotParked) {
        ::shutdown(socket.fd, SHUT_WR);  // else it follows the send in flight
    }
}

void EpollBackend::close(Token token) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::close);
    if (socket.connecting) {
        outbox_.add(token.with(OpKind::connect), Status::cancelled);
    }
    if (socket.parked != kNotParked) {
        const SendState& state = sends_[socket.parked];
        outbox_.add_send(state.token, Status::cancelled, state.sent, SendUrgency::eager);
        sends_.release(socket.parked);
    }
    if (socket.receiving) {
        outbox_.add(token.with(OpKind::recv), Status::cancelled);
    }
    if (socket.fd >= 0) {
        ::close(std::exchange(socket.fd, -1));  // also leaves the epoll set
    }
    socket.receiving = false;
    socket.parked = kNotParked;
    if (socket.reading) {
        socket.closing = true;
    } else {
        end_close(token.slot());
    }
}

void EpollBackend::end_close(Slot slot) noexcept {
    Socket_& socket = sockets_[slot];
    outbox_.add(Token{slot, socket.generation, OpKind::close}, Status::ok);
    const bool listed = socket.listed;
    socket = Socket_{};
    socket.listed = listed;
}

// ---- the loop --------------------------------------------------------------------------------

void EpollBackend::on_event(const epoll_event& event) noexcept {
    const Token token{event.data.u64};
    if (token == kWakeToken) {
        take_wake();
        return;
    }
    if (token.kind() == OpKind::accept) {
        accept_some(token.slot());
        return;
    }
    Socket_& socket = sockets_[token.slot()];
    if (!socket.open || socket.closing || socket.generation != token.generation()) {
        return;  // closed earlier in this batch
    }
    if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        socket.readable = true;
        list_readable(token.slot(), socket);
    }
    if ((event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        on_writable(token.slot(), socket);
    }
}

// What epoll_wait(2) returns; waits so long, or without end (kNever).
int EpollBackend::wait_events(Nanos left) noexcept {
    const auto events_max = static_cast<int>(events_.size());
    if (pwait2_) {
        const timespec limit{left / kSecond, left % kSecond};
        return ::epoll_pwait2(epoll_, events_.data(), events_max, left == kNever ? nullptr : &limit,
                              nullptr);
    }
    // Rounded up: a deadline that is almost there must not become many calls that do not wait.
    const Nanos milliseconds = left / kMillisecond + (left % kMillisecond > 0 ? 1 : 0);
    return ::epoll_wait(epoll_, events_.data(), events_max,
                        left == kNever ? -1 : static_cast<int>(std::min(milliseconds, kWaitMax)));
}

void EpollBackend::wait(Nanos deadline) noexcept {
    const bool can_receive = !readable_.empty() && !free_buffers_.empty();
    const int n = wait_events(outbox_.urgent() || can_receive ? 0 : left_until(deadline));
    // Anything else would come again at once, and the loop would spin without serving anybody.
    CHECK(n >= 0 || errno == EINTR);
    read_clocks();
    for (int i = 0; i < n; ++i) {
        on_event(events_[static_cast<std::size_t>(i)]);
    }
}

std::span<const Completion> EpollBackend::poll(Nanos deadline) noexcept {
    if (outbox_has_turn()) {
        return outbox_.hand_over();
    }
    wait(deadline);
    if (reads_.busy()) {
        take_reads();
    }
    if (!readable_.empty()) {
        receive_some();
    }
    return outbox_.hand_over();
}

}  // namespace sluice
