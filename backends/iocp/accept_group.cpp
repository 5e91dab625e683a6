#include "backends/iocp/accept_group.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace sluice::iocp {

namespace {

// Groups whose port is shared, for join(). Each process has one such list, as it has one port.
struct Published {
    std::mutex mutex;
    std::vector<std::weak_ptr<AcceptGroup>> groups;
};

Published& published() {
    static Published list;
    return list;
}

// Errors of AcceptEx that belong to one connection that died in the queue, and not to the listener.
bool concerns_one_connection(DWORD error) noexcept {
    const Status status = win32::status_of(error);
    return status == Status::reset || status == Status::timed_out;
}

}  // namespace

void post(HANDLE port, Message message, ListenerId listener, std::uintptr_t value) noexcept {
    // Fails only when the system has no memory left for the packet: then a connection or the end of
    // a stream would be lost silently.
    CHECK(::PostQueuedCompletionStatus(port, listener, static_cast<ULONG_PTR>(message),
                                       reinterpret_cast<OVERLAPPED*>(value)) != 0);
}

AcceptGroup::AcceptGroup(const System& system, SOCKET socket, HANDLE owner, bool shared)
    : system_(system), owner_(owner), shared_(shared), local_(local_of(socket)), socket_(socket) {
    kept_.reserve(kPosted);
    for (Operation_& operation : operations_) {
        operation.kind = Operation::Kind::accept;
        operation.group = this;
    }
}

AcceptGroup::~AcceptGroup() {
    CHECK(pending_ == 0);
    if (socket_ != INVALID_SOCKET) {
        ::closesocket(socket_);
    }
    for (const SOCKET socket : kept_) {
        ::closesocket(socket);
    }
}

std::shared_ptr<AcceptGroup> AcceptGroup::join(const Endpoint& endpoint, HANDLE port,
                                               ListenerId listener) {
    const std::lock_guard lock_list(published().mutex);
    auto& groups = published().groups;
    std::erase_if(groups, [](const auto& group) { return group.expired(); });
    for (const auto& weak : groups) {
        const auto group = weak.lock();
        if (group == nullptr || group->local_ != endpoint) {
            continue;
        }
        const std::lock_guard lock(group->mutex_);
        if (group->socket_ != INVALID_SOCKET) {
            group->members_.push_back({port, listener, false});
            return group;
        }
    }
    return nullptr;
}

void AcceptGroup::publish(const std::shared_ptr<AcceptGroup>& group, ListenerId listener) {
    group->members_.push_back({group->owner_, listener, false});
    if (group->shared_) {
        const std::lock_guard lock_list(published().mutex);
        published().groups.push_back(group);
    }
}

AcceptGroup::Member* AcceptGroup::find(HANDLE port, ListenerId listener) noexcept {
    const auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& member) {
        return member.port == port && member.listener == listener;
    });
    return found == members_.end() ? nullptr : &*found;
}

AcceptGroup::Member* AcceptGroup::next_accepting() noexcept {
    for (std::size_t i = 0; i < members_.size(); ++i) {
        next_ = (next_ + 1) % members_.size();
        if (members_[next_].accepting) {
            return &members_[next_];
        }
    }
    return nullptr;
}

void AcceptGroup::start(HANDLE port, ListenerId listener, std::vector<Delivery>& now) noexcept {
    const std::lock_guard lock(mutex_);
    Member* member = find(port, listener);
    CHECK(member != nullptr && !member->accepting);
    member->accepting = true;
    for (const SOCKET socket : kept_) {
        now.push_back({listener, Status::ok, socket});
    }
    kept_.clear();
    top_up(port, now);
}

bool AcceptGroup::stop(HANDLE port, ListenerId listener) noexcept {
    const std::lock_guard lock(mutex_);
    Member* member = find(port, listener);
    if (member == nullptr || !member->accepting) {
        return false;
    }
    member->accepting = false;
    if (std::ranges::none_of(members_, &Member::accepting)) {
        cancel();
    }
    return true;
}

void AcceptGroup::leave(HANDLE port, ListenerId listener) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(members_, [&](const Member& member) {
        return member.port == port && member.listener == listener;
    });
    next_ = 0;
    const bool owner_is_here = std::ranges::any_of(
        members_, [this](const Member& member) { return member.port == owner_; });
    if (!owner_is_here && socket_ != INVALID_SOCKET) {
        cancel();
        ::closesocket(socket_);
        socket_ = INVALID_SOCKET;
    }
}

void AcceptGroup::cancel() noexcept {
    if (pending_ > 0) {
        (void)::CancelIoEx(reinterpret_cast<HANDLE>(socket_), nullptr);
    }
}

bool AcceptGroup::pending() const noexcept {
    const std::lock_guard lock(mutex_);
    return pending_ > 0;
}

// Begins as many accepts as there may be. One is enough for the stream to go on; when there is
// none, it ends with the system's reason.
void AcceptGroup::top_up(HANDLE caller, std::vector<Delivery>& now) noexcept {
    DWORD error = 0;
    for (Operation_& operation : operations_) {
        if (operation.pending) {
            continue;
        }
        error = begin(operation);
        if (error != 0) {
            break;
        }
    }
    if (error != 0 && pending_ == 0) {
        end_all(win32::status_of(error), caller, now);
    }
}

DWORD AcceptGroup::begin(Operation_& operation) noexcept {
    const int family = local_.family == Family::ipv4 ? AF_INET : AF_INET6;
    operation.socket = system_.make_socket(family);
    if (operation.socket == INVALID_SOCKET) {
        return static_cast<DWORD>(::WSAGetLastError());
    }
    operation.reset();
    // The listener is not in skip-on-success mode: a packet comes in either case.
    const Begun begun =
        system_.accept(socket_, operation.socket, operation.addresses.data(), &operation);
    if (begun.done() || begun.pending()) {
        operation.pending = true;
        ++pending_;
        return 0;
    }
    ::closesocket(operation.socket);
    operation.socket = INVALID_SOCKET;
    return begun.error;
}

void AcceptGroup::on_packet(Operation_& operation, std::vector<Delivery>& now) noexcept {
    const std::lock_guard lock(mutex_);
    operation.pending = false;
    --pending_;
    const SOCKET socket = std::exchange(operation.socket, INVALID_SOCKET);
    const bool open = socket_ != INVALID_SOCKET;
    const DWORD error = open ? error_of(socket_, operation) : WSA_OPERATION_ABORTED;
    if (error != 0 || !open) {
        ::closesocket(socket);
    } else {
        hand_out(socket, owner_, now);
    }
    if (!open || std::ranges::none_of(members_, &Member::accepting)) {
        return;
    }
    if (error != 0 && error != WSA_OPERATION_ABORTED && !concerns_one_connection(error) &&
        pending_ == 0) {
        end_all(win32::status_of(error), owner_, now);
        return;
    }
    top_up(owner_, now);
}

void AcceptGroup::hand_out(SOCKET socket, HANDLE caller, std::vector<Delivery>& now) noexcept {
    // Until told of its listener, the socket knows neither its peer nor how to shut down.
    (void)::setsockopt(socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                       reinterpret_cast<const char*>(&socket_), sizeof socket_);
    prepare(socket);
    const Member* member = next_accepting();
    if (member == nullptr) {
        kept_.push_back(socket);
    } else if (member->port == caller) {
        now.push_back({member->listener, Status::ok, socket});
    } else {
        post(member->port, Message::accepted, member->listener, socket);
    }
}

void AcceptGroup::end_all(Status status, HANDLE caller, std::vector<Delivery>& now) noexcept {
    for (Member& member : members_) {
        if (!member.accepting) {
            continue;
        }
        member.accepting = false;
        if (member.port == caller) {
            now.push_back({member.listener, status, INVALID_SOCKET});
        } else {
            post(member.port, Message::accept_end, member.listener,
                 static_cast<std::uintptr_t>(status));
        }
    }
}

}  // namespace sluice::iocp
