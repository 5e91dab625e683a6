#include "backends/posix/socket_backend.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backends/posix/file_read.h"
#include "backends/posix/socket.h"
#include "core/check.h"

namespace sluice::posix {

SocketBackend::SocketBackend(const BackendLimits& limits)
    : limits_(limits), listeners_(limits.listeners), outbox_(limits.completions) {
    ignore_sigpipe();
    read_clocks();
}

SocketBackend::~SocketBackend() {
    for (const Completion& completion : outbox_.left()) {
        if (completion.token.kind() == OpKind::accept && completion.more) {
            discard(completion.socket);
        }
    }
    for (ListenerId id = 0; id < listeners_.size(); ++id) {
        listeners_[id].accepting = false;
        close_listener(id);
    }
    if (event_ >= 0) {
        ::close(event_);
    }
}

// ---- listeners -------------------------------------------------------------------------------

Result<ListenerId> SocketBackend::listen(const Endpoint& endpoint, const ListenOptions& options) {
    const auto place = std::find_if(listeners_.begin(), listeners_.end(),
                                    [](const Listener& one) { return one.fd < 0; });
    if (place == listeners_.end()) {
        return fail(Status::no_memory, "too many listeners");
    }
    const bool inherits = options.inherit != kNoSocket;
    auto fd =
        inherits ? duplicate(static_cast<int>(options.inherit)) : open_listener(endpoint, options);
    if (!fd) {
        return std::unexpected(fd.error());
    }
    *place = Listener{};
    place->fd = *fd;
    if (!inherits) {
        place->endpoint = endpoint;
    }
    place->shared = inherits || (options.share_port && endpoint.family == Family::unix_path);
    return static_cast<ListenerId>(place - listeners_.begin());
}

Result<Endpoint> SocketBackend::local(ListenerId listener) const {
    CHECK(listener < listeners_.size());
    return local_of(listeners_[listener].fd);
}

Socket SocketBackend::listening(ListenerId listener) const noexcept {
    CHECK(listener < listeners_.size());
    return listeners_[listener].fd;
}

void SocketBackend::close_listener(ListenerId id) noexcept {
    CHECK(id < listeners_.size() && !listeners_[id].accepting);
    Listener& listener = listeners_[id];
    if (listener.fd >= 0) {
        unlink_unix(listener.endpoint);
        ::close(listener.fd);
        listener.fd = -1;
    }
}

SocketBackend::Listener& SocketBackend::begin_accept(ListenerId id, Token token) noexcept {
    CHECK(id < listeners_.size() && listeners_[id].fd >= 0 && !listeners_[id].accepting);
    CHECK(token.kind() == OpKind::accept && token.slot() == id);
    Listener& listener = listeners_[id];
    listener.accepting = true;
    listener.stopping = false;
    listener.token = token;
    return listener;
}

void SocketBackend::accepted(const Listener& listener, int fd) noexcept {
    Completion& completion = outbox_.add(listener.token, Status::ok);
    completion.more = true;
    completion.socket = fd;
}

void SocketBackend::end_accept(Listener& listener, Status status) noexcept {
    listener.accepting = false;
    outbox_.add(listener.token, status);
}

void SocketBackend::discard(Socket socket) noexcept {
    ::close(static_cast<int>(socket));
}

Endpoint SocketBackend::peer(Slot slot) const noexcept {
    return peer_of(static_cast<int>(native(slot)));
}

Nanos SocketBackend::since_last_send(Slot slot) const noexcept {
    return posix::since_last_send(static_cast<int>(native(slot)));
}

bool SocketBackend::in_memory(const FileRange& range) const noexcept {
    return posix::in_memory(range);
}

// ---- the loop --------------------------------------------------------------------------------

Result<void> SocketBackend::open_event() {
    event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_ < 0) {
        return fail(status_of(errno), std::string("eventfd: ") + std::strerror(errno), errno);
    }
    return {};
}

void SocketBackend::wake() noexcept {
    if (!wake_pending_.exchange(true, std::memory_order_acq_rel)) {
        const std::uint64_t one = 1;
        (void)!::write(event_, &one, sizeof one);
    }
}

void SocketBackend::take_wake() noexcept {
    std::uint64_t count = 0;
    (void)!::read(event_, &count, sizeof count);
    // Cleared before the caller looks at its mailbox, so that a later wake() is never swallowed.
    (void)wake_pending_.exchange(false, std::memory_order_acq_rel);
}

bool SocketBackend::outbox_has_turn() noexcept {
    waited_last_time_ = !(outbox_.urgent() && waited_last_time_);
    return !waited_last_time_;
}

Nanos SocketBackend::left_until(Nanos deadline) const noexcept {
    if (deadline <= now_ || deadline == kNever) {
        return deadline == kNever ? kNever : 0;
    }
    return std::max<Nanos>(deadline - monotonic_now(), 0);
}

void SocketBackend::read_clocks() noexcept {
    now_ = monotonic_now();
    wall_seconds_ = wall_now();
}

}  // namespace sluice::posix
