#include "tests/conformance/fixture.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <ostream>

#include "tests/support/host.h"

namespace sluice::conformance {

namespace {

constexpr Nanos kPumpStep = 200 * kMicrosecond;
// Real time that a pump may take on top of its patience, should the backend's clock stand still.
constexpr std::chrono::seconds kRealPatience{15};

}  // namespace

std::string pattern(std::size_t size, std::uint64_t seed) {
    std::string bytes(size, '\0');
    std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
    for (std::size_t at = 0; at < size; at += sizeof(state)) {
        // xorshift64 (Marsaglia, 2003)
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        std::memcpy(bytes.data() + at, &state, std::min(sizeof(state), size - at));
    }
    return bytes;
}

std::vector<FileStamp> wrong_stamps(const FileStamp& good) {
    std::vector<FileStamp> wrong(3, good);
    wrong[0].size += 1;
    wrong[1].mtime_ns += 1;
    wrong[2].ctime_ns -= 1;
    return wrong;
}

Endpoint loopback(Family family, std::uint16_t port) {
    Endpoint endpoint;
    endpoint.family = family;
    endpoint.port = port;
    if (family == Family::ipv4) {
        endpoint.address = {127, 0, 0, 1};
    } else if (family == Family::ipv6) {
        endpoint.address.back() = 1;
    } else if (family == Family::unix_path) {
        endpoint.port = 0;
        static int serial = 0;
        endpoint.path = temporary_path("socket" + std::to_string(++serial));
    }
    return endpoint;
}

std::string temporary_path(std::string_view name) {
    return (std::filesystem::temp_directory_path() /
            ("sluice." + std::to_string(test::process_id()) + "." + std::string(name)))
        .string();
}

std::string configuration_name(const testing::TestParamInfo<Configuration>& info) {
    return info.param.name;
}

// --- Set-up and tidying ---------------------------------------------------------------------

void Conformance::SetUp() {
    test::raise_descriptor_limit();
    descriptors_before_ = test::open_descriptors();
    rig_ = GetParam().make_rig();
    restart(BackendLimits{});
}

std::vector<Family> Conformance::families() const {
    std::vector<Family> all = {Family::ipv4, Family::ipv6};
    if (rig_->has_unix_paths()) {
        all.push_back(Family::unix_path);
    }
    return all;
}

void Conformance::restart(const BackendLimits& limits) {
    destroy_backend();
    auto made = rig_->make_backend(limits);
    ASSERT_NE(made, nullptr);
    driver_ = std::make_unique<Driver>(std::move(made), limits);
}

void Conformance::destroy_backend() {
    family_listeners_.clear();
    driver_.reset();
}

void Conformance::close_everything() {
    driver().hold_buffers(false);
    driver().release_held();
    for (Slot slot = 0; slot < driver().limits().slots; ++slot) {
        if (at(slot).bound && !at(slot).closing) {
            driver().close(slot);
        }
    }
    for (ListenerId id = 0; id < driver().limits().listeners; ++id) {
        if (driver().listener(id).accepting) {
            driver().accept_stop(id);
        }
    }
    EXPECT_TRUE(pump([this] { return driver().operations() == 0; }))
        << "never completed: " << driver().in_flight();
    for (ListenerId id = 0; id < driver().limits().listeners; ++id) {
        Listener& listener = driver().listener(id);
        for (; !listener.accepted.empty(); listener.accepted.pop_front()) {
            backend().discard(listener.accepted.front());
        }
        if (listener.open && !listener.accepting) {
            driver().close_listener(id);
        }
    }
    // Nothing may come after the last completion.
    pump_for(kMillisecond);
    EXPECT_EQ(rig().leftovers(backend()), "");
}

void Conformance::TearDown() {
    if (driver_ != nullptr) {
        close_everything();
    }
    destroy_backend();
    rig_.reset();
    EXPECT_EQ(test::open_descriptors(), descriptors_before_) << "descriptors leaked";
}

// --- Pumping --------------------------------------------------------------------------------

bool Conformance::pump(const std::function<bool()>& condition, Nanos patience) {
    const Nanos end = backend().now() + patience;
    const auto real_end = std::chrono::steady_clock::now() + kRealPatience;
    for (;;) {
        if (condition()) {
            return true;
        }
        if (backend().now() > end || std::chrono::steady_clock::now() > real_end) {
            return false;
        }
        driver().poll(backend().now() + kPumpStep);
    }
}

void Conformance::pump_for(Nanos duration) {
    const Nanos end = backend().now() + duration;
    EXPECT_TRUE(pump([this, end] { return backend().now() >= end; }, duration + kPatience));
}

// --- Connections ----------------------------------------------------------------------------

ListenerId Conformance::listen(const Endpoint& endpoint, const ListenOptions& options) {
    const auto id = driver().listen(endpoint, options);
    if (!id) {
        ADD_FAILURE() << "listen: " << id.error().what;
        return 0;
    }
    return *id;
}

Endpoint Conformance::local(ListenerId listener) {
    const auto endpoint = backend().local(listener);
    if (!endpoint) {
        ADD_FAILURE() << "local: " << endpoint.error().what;
        return {};
    }
    return *endpoint;
}

std::unique_ptr<Peer> Conformance::connect(const Endpoint& endpoint, const PeerOptions& options) {
    auto peer = rig().connect(endpoint, options);
    EXPECT_TRUE(pump([&peer] { return peer->connected(); })) << "a peer could not connect";
    return peer;
}

Socket Conformance::accepted(ListenerId id) {
    auto& queue = driver().listener(id).accepted;
    if (!pump([&queue] { return !queue.empty(); })) {
        ADD_FAILURE() << "no socket was accepted";
        return kNoSocket;
    }
    const Socket socket = queue.front();
    queue.pop_front();
    return socket;
}

ListenerId Conformance::listener_of(Family family) {
    for (const ListenerId id : family_listeners_) {
        if (local(id).family == family) {
            return id;
        }
    }
    const ListenerId id = listen(loopback(family));
    family_listeners_.push_back(id);
    driver().accept_start(id);
    return id;
}

Pair Conformance::pair(Family family, const PeerOptions& options) {
    const ListenerId id = listener_of(family);
    Pair made;
    made.peer = connect(local(id), options);
    made.slot = driver().adopt(accepted(id));
    return made;
}

std::string Conformance::read(Peer& peer, std::size_t bytes, Nanos patience) {
    std::string all;
    (void)pump(
        [&] {
            all += peer.read(bytes - all.size());
            return all.size() >= bytes || peer.eof() || peer.broken();
        },
        patience);
    return all;
}

void Conformance::write(Peer& peer, std::string_view bytes) {
    Feeder feeder(peer, bytes);
    EXPECT_TRUE(pump([&feeder] { return feeder.step(); })) << "the peer could not write";
}

SendResult Conformance::sent(Slot slot, Peer* reader) {
    const bool ended = pump([this, slot, reader] {
        if (reader != nullptr) {
            (void)reader->read(SIZE_MAX);
        }
        return at(slot).send_end.has_value();
    });
    if (!ended) {
        ADD_FAILURE() << "the send never completed";
        return {Status::io_error, 0};
    }
    return *at(slot).send_end;
}

void Conformance::close(Slot slot) {
    driver().close(slot);
    EXPECT_TRUE(pump([this, slot] { return at(slot).close_end.has_value(); }))
        << "the close never completed";
}

}  // namespace sluice::conformance
