#include "backends/sim/network.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace sluice {

namespace {

// A connection that finds the backlog full knocks again, as a lost SYN does.
constexpr Nanos kSynRetry = 10 * kMillisecond;
// sun_path of unix(7) holds 108 bytes with the terminating zero.
constexpr std::size_t kUnixPathMax = 107;

bool is_wildcard(const Endpoint& endpoint) {
    return std::ranges::all_of(endpoint.address, [](std::uint8_t byte) { return byte == 0; });
}

bool is_local(const Endpoint& endpoint) {
    if (is_wildcard(endpoint)) {
        return true;
    }
    if (endpoint.family == Family::ipv4) {
        return endpoint.address[0] == 127;
    }
    const auto& a = endpoint.address;
    return std::all_of(a.begin(), a.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
           a.back() == 1;
}

bool same_place(const Endpoint& a, const Endpoint& b) {
    if (a.family != b.family) {
        return false;
    }
    if (a.family == Family::unix_path) {
        return a.path == b.path;
    }
    return a.port == b.port && (a.address == b.address || is_wildcard(a) || is_wildcard(b));
}

}  // namespace

SimNetwork::SimNetwork(const SimOptions& options) : options_(options), random_(options.seed) {}

SimNetwork::~SimNetwork() = default;

std::int64_t SimNetwork::wall_nanos() const noexcept {
    return (kWallOrigin + wall_steps_.back().ahead) * kSecond + now_;
}

void SimNetwork::step_wall_clock(std::int64_t seconds) {
    wall_steps_.push_back({now_, wall_steps_.back().ahead + seconds});
}

bool SimNetwork::wall_showed(std::int64_t second, Nanos first, Nanos last) const noexcept {
    for (std::size_t i = 0; i < wall_steps_.size(); ++i) {
        const Nanos from = std::max(first, wall_steps_[i].at);
        const Nanos to = i + 1 < wall_steps_.size() ? std::min(last, wall_steps_[i + 1].at) : last;
        const std::int64_t origin = kWallOrigin + wall_steps_[i].ahead;
        if (from <= to && second >= origin + from / kSecond && second <= origin + to / kSecond) {
            return true;
        }
    }
    return false;
}

void SimNetwork::mix(std::uint64_t value) noexcept {
    digest_ = (digest_ ^ value) * 0x9e3779b97f4a7c15U;
    digest_ ^= digest_ >> 29;
}

// --- The clock and its events ---------------------------------------------------------------

Nanos SimNetwork::latency() {
    return random_.between(options_.latency_min, options_.latency_max);
}

void SimNetwork::at(Nanos instant, std::function<void()> action) {
    events_.push(Event{std::max(instant, now_), ++sequence_, std::move(action)});
}

void SimNetwork::after(Nanos delay, std::function<void()> action) {
    at(now_ + delay, std::move(action));
}

bool SimNetwork::step(Nanos until) {
    if (events_.empty() || events_.top().at > until) {
        return false;
    }
    Event event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    mix(static_cast<std::uint64_t>(event.at));
    mix(event.sequence);
    event.action();
    return true;
}

void SimNetwork::run_until(Nanos instant) {
    while (step(instant)) {
    }
    advance_to(instant);
}

void SimNetwork::advance_to(Nanos instant) noexcept {
    now_ = std::max(now_, instant);
}

// --- Listeners ------------------------------------------------------------------------------

Result<std::uint32_t> SimNetwork::listen(SimOwner* owner, std::uint32_t tag,
                                         const Endpoint& endpoint, const ListenOptions& options) {
    Endpoint bound = endpoint;
    if (endpoint.family == Family::unix_path) {
        if (endpoint.path.empty() || endpoint.path.size() > kUnixPathMax) {
            return fail(Status::address_invalid, "listen: the Unix path is empty or too long");
        }
        const auto folder = std::filesystem::path(endpoint.path).parent_path();
        std::error_code ignored;
        if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
            return fail(Status::not_found, "listen: the Unix path's folder does not exist");
        }
    } else if (endpoint.family == Family::none || !is_local(endpoint)) {
        return fail(Status::address_invalid, "listen: not an address of this machine");
    } else if (endpoint.port == 0) {
        bound.port = next_port_++;
    }
    for (const auto& [id, other] : listeners_) {
        if (same_place(other.bound, bound) && !(other.options.share_port && options.share_port)) {
            return fail(Status::address_in_use, "listen: somebody listens there already");
        }
    }
    const std::uint32_t id = next_listener_++;
    listeners_.emplace(id, Listener{owner, tag, std::move(bound), options, {}});
    return id;
}

const Endpoint& SimNetwork::bound(std::uint32_t listener) const {
    return listeners_.at(listener).bound;
}

bool SimNetwork::backlog_empty(std::uint32_t listener) const {
    return listeners_.at(listener).backlog.empty();
}

Socket SimNetwork::accept(std::uint32_t listener, SimOwner* owner, std::uint32_t tag) {
    auto& backlog = listeners_.at(listener).backlog;
    CHECK(!backlog.empty());
    const Socket id = backlog.front();
    backlog.pop_front();
    SimSocket& socket = *find(id);
    socket.owner = owner;
    socket.tag = tag;
    return id;
}

void SimNetwork::close_listener(std::uint32_t listener) {
    const auto backlog = std::move(listeners_.at(listener).backlog);
    listeners_.erase(listener);
    for (const Socket socket : backlog) {
        reset(socket);
    }
}

SimNetwork::Listener* SimNetwork::route(const Endpoint& target) {
    std::vector<Listener*> candidates;
    for (auto& [id, listener] : listeners_) {
        const bool mapped = target.family == Family::ipv4 &&
                            listener.bound.family == Family::ipv6 && !listener.options.v6_only &&
                            is_wildcard(listener.bound) && listener.bound.port == target.port;
        if (same_place(listener.bound, target) || mapped) {
            candidates.push_back(&listener);
        }
    }
    if (candidates.empty()) {
        return nullptr;
    }
    return candidates[random_.between<std::size_t>(0, candidates.size() - 1)];
}

// --- Connections ----------------------------------------------------------------------------

SimSocket& SimNetwork::make_socket() {
    const Socket id = next_socket_++;
    SimSocket& socket = sockets_[id];
    socket.id = id;
    socket.window = random_.between(options_.window_bytes_min, options_.window_bytes_max);
    return socket;
}

SimSocket* SimNetwork::find(Socket socket) {
    const auto found = sockets_.find(socket);
    return found == sockets_.end() ? nullptr : &found->second;
}

void SimNetwork::notify(SimSocket& socket) {
    if (socket.owner != nullptr) {
        socket.owner->on_socket(socket.id, socket.tag);  // may close it: the last thing we do
    }
}

Socket SimNetwork::connect(SimOwner* owner, std::uint32_t tag, const Endpoint& target) {
    SimSocket& client = make_socket();
    client.owner = owner;
    client.tag = tag;
    client.connecting = true;
    client.remote = target;
    client.local.family = target.family;
    if (target.family != Family::unix_path) {
        client.local.address = target.address;
        client.local.port = next_port_++;
    }
    const Socket id = client.id;
    after(latency(), [this, id] { on_syn(id); });
    return id;
}

void SimNetwork::on_syn(Socket id) {
    SimSocket* client = find(id);
    if (client == nullptr) {
        return;  // closed while connecting
    }
    Listener* listener = route(client->remote);
    if (listener == nullptr || random_.chance(faults().connect_refused)) {
        const bool no_path = listener == nullptr && client->remote.family == Family::unix_path &&
                             !std::filesystem::exists(client->remote.path);
        client->connecting = false;
        client->broken = no_path ? Status::not_found : Status::refused;
        notify(*client);
        return;
    }
    if (listener->backlog.size() >= static_cast<std::size_t>(listener->options.backlog)) {
        after(kSynRetry, [this, id] { on_syn(id); });
        return;
    }
    SimSocket& server = make_socket();
    server.other = id;
    server.local = client->remote;
    server.remote = client->local;
    client->other = server.id;
    listener->backlog.push_back(server.id);
    after(latency(), [this, id] {
        SimSocket* connected = find(id);
        if (connected != nullptr && connected->connecting) {
            connected->connecting = false;
            notify(*connected);
        }
    });
    listener->owner->on_backlog(listener->tag);
}

std::size_t SimNetwork::write(Socket id, std::string_view bytes) {
    SimSocket& socket = *find(id);
    CHECK(!socket.fin_sent && !socket.connecting);
    if (socket.broken != Status::ok) {
        return 0;
    }
    const std::size_t taken = std::min(bytes.size(), socket.room());
    socket.outstanding += taken;
    for (std::size_t at_byte = 0; at_byte < taken;) {
        const std::size_t size =
            std::min(taken - at_byte, random_.between<std::size_t>(1, options_.segment_bytes_max));
        socket.last_arrival = std::max(socket.last_arrival, now_ + latency());
        at(socket.last_arrival,
           [this, to = socket.other, id, segment = std::string(bytes.substr(at_byte, size))] {
               on_segment(to, id, segment);
           });
        at_byte += size;
    }
    return taken;
}

void SimNetwork::on_segment(Socket to, Socket from, const std::string& bytes) {
    SimSocket* receiver = find(to);
    if (receiver == nullptr) {
        send_reset(from);  // data for a closed socket
        return;
    }
    if (receiver->broken != Status::ok) {
        return;
    }
    const bool timed_out = random_.chance(faults().time_out);
    if (timed_out || random_.chance(faults().reset)) {
        const Status status = timed_out ? Status::timed_out : Status::reset;
        break_socket(from, status);
        break_socket(to, status);
        return;
    }
    mix(bytes.size());
    receiver->inbox.append(bytes);
    notify(*receiver);
}

std::size_t SimNetwork::read(Socket id, char* to, std::size_t bytes_max) {
    SimSocket& socket = *find(id);
    const std::size_t taken = socket.inbox.take(to, bytes_max);
    if (taken == 0) {
        return 0;
    }
    after(latency(), [this, other = socket.other, taken] {
        SimSocket* sender = find(other);
        if (sender != nullptr) {
            sender->outstanding -= taken;
            notify(*sender);
        }
    });
    return taken;
}

void SimNetwork::shutdown_write(Socket id) {
    SimSocket& socket = *find(id);
    if (socket.fin_sent || socket.broken != Status::ok) {
        return;
    }
    socket.fin_sent = true;
    socket.last_arrival = std::max(socket.last_arrival, now_ + latency());
    at(socket.last_arrival, [this, to = socket.other] {
        SimSocket* receiver = find(to);
        if (receiver != nullptr && receiver->broken == Status::ok) {
            receiver->fin_arrived = true;
            notify(*receiver);
        }
    });
}

void SimNetwork::close(Socket id) {
    SimSocket& socket = *find(id);
    if (socket.connecting || !socket.inbox.empty()) {
        reset(id);
        return;
    }
    shutdown_write(id);
    sockets_.erase(id);
}

void SimNetwork::reset(Socket id) {
    const SimSocket& socket = *find(id);
    if (socket.broken == Status::ok) {
        send_reset(socket.other);
    }
    sockets_.erase(id);
}

void SimNetwork::send_reset(Socket to) {
    after(latency(), [this, to] { break_socket(to, Status::reset); });
}

void SimNetwork::break_socket(Socket id, Status status) {
    SimSocket* socket = find(id);
    if (socket == nullptr || socket->broken != Status::ok) {
        return;
    }
    mix(static_cast<std::uint64_t>(status));
    socket->broken = status;
    socket->connecting = false;
    // Systems differ in whether bytes that were received can still be read after a reset.
    if (random_.chance(0.5)) {
        socket->inbox.clear();
    }
    notify(*socket);
}

}  // namespace sluice
