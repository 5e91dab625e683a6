#include "tests/support/xor_transport.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/check.h"

namespace sluice::test {

namespace {

char mask(char byte, std::uint8_t counter) {
    return static_cast<char>(static_cast<std::uint8_t>(byte) ^ counter ^ 0xa5U);
}

}  // namespace

XorTransport::XorTransport(Side side, std::uint64_t seed) noexcept
    : side_(side),
      random_(seed * 2 + (side == Side::client ? 1 : 0)),
      hello_due_(side == Side::client) {}

// Record lengths come from xorshift64*: mostly short, sometimes as long as they may be.
std::size_t XorTransport::next_length() noexcept {
    random_ = (random_ == 0 ? 1 : random_);
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    const std::uint64_t draw = (random_ * 0x2545f4914f6cdd1dU) >> 32;
    const std::size_t most = draw % 5 == 0 ? 7 : draw % 5 < 3 ? 600 : kPayloadMax;
    return 1 + (draw / 5) % most;
}

std::size_t XorTransport::put(Kind kind, std::string_view payload, char* wire) noexcept {
    wire[0] = static_cast<char>(kind);
    wire[1] = static_cast<char>(payload.size() >> 8);
    wire[2] = static_cast<char>(payload.size() & 0xff);
    for (std::size_t i = 0; i < payload.size(); ++i) {
        wire[kHeaderBytes + i] = mask(payload[i], out_counter_++);
    }
    return kHeaderBytes + payload.size();
}

// A record that carries no data.
void XorTransport::take(Kind kind) noexcept {
    const bool greeting = state_ == TransportState::handshake;
    switch (kind) {
        case Kind::hello:
            if (greeting) {
                state_ = TransportState::open;
                hello_due_ = side_ == Side::server;
                return;
            }
            break;
        case Kind::ask: ++answers_due_; return;
        case Kind::answer: ++answers_; return;
        case Kind::farewell: state_ = TransportState::finished; return;
        case Kind::data:
        case Kind::alert: break;
    }
    alert_due_ = kind != Kind::alert;
    state_ = TransportState::failed;
}

Transport::Progress XorTransport::open(std::string_view wire, std::span<char> plain) noexcept {
    Progress progress;
    while (progress.taken < wire.size() && state_ != TransportState::failed &&
           state_ != TransportState::finished) {
        const auto length = [this] {
            return static_cast<std::size_t>(static_cast<std::uint8_t>(record_[1])) << 8 |
                   static_cast<std::uint8_t>(record_[2]);
        };
        const bool head = record_bytes_ < kHeaderBytes;
        const std::size_t whole = head ? kHeaderBytes : kHeaderBytes + length();
        const std::size_t more = std::min(whole - record_bytes_, wire.size() - progress.taken);
        // A record that is complete with these bytes needs room for what is in it.
        if (!head && record_bytes_ + more == whole && plain.size() - progress.written < length()) {
            break;
        }
        std::memcpy(record_.data() + record_bytes_, wire.data() + progress.taken, more);
        record_bytes_ += more;
        progress.taken += more;
        if (record_bytes_ < kHeaderBytes) {
            break;
        }
        const auto kind = static_cast<Kind>(record_[0]);
        const bool known = kind >= Kind::hello && kind <= Kind::alert;
        const bool early = state_ == TransportState::handshake && kind != Kind::hello;
        const bool data = kind == Kind::data;
        if (!known || early || length() > kPayloadMax || data != (length() > 0)) {
            take(Kind::data);  // which fails
            break;
        }
        if (record_bytes_ < kHeaderBytes + length()) {
            continue;
        }
        record_bytes_ = 0;
        if (!data) {
            take(kind);
            continue;
        }
        for (std::size_t i = 0; i < length(); ++i) {
            plain[progress.written++] = mask(record_[kHeaderBytes + i], in_counter_++);
        }
    }
    return progress;
}

Transport::Progress XorTransport::seal(std::span<const Slice> plain,
                                       std::span<char> wire) noexcept {
    Progress progress;
    if (state_ == TransportState::handshake || state_ == TransportState::failed) {
        return progress;
    }
    for (const Slice& slice : plain) {
        std::string_view rest{slice.data, slice.size};
        while (!rest.empty()) {
            const std::size_t bytes = std::min(rest.size(), next_length());
            if (wire.size() - progress.written < kHeaderBytes + bytes) {
                return progress;
            }
            progress.written +=
                put(Kind::data, rest.substr(0, bytes), wire.data() + progress.written);
            progress.taken += bytes;
            rest.remove_prefix(bytes);
        }
    }
    return progress;
}

std::size_t XorTransport::own_output(std::span<char> wire) noexcept {
    CHECK(wire.size() >= kRecordMax);
    if (std::exchange(hello_due_, false)) {
        return put(Kind::hello, {}, wire.data());
    }
    if (std::exchange(alert_due_, false)) {
        return put(Kind::alert, {}, wire.data());
    }
    if (state_ == TransportState::handshake || state_ == TransportState::failed) {
        return 0;
    }
    if (answers_due_ > 0) {
        --answers_due_;
        return put(Kind::answer, {}, wire.data());
    }
    if (asks_due_ > 0) {
        --asks_due_;
        return put(Kind::ask, {}, wire.data());
    }
    return std::exchange(farewell_due_, false) ? put(Kind::farewell, {}, wire.data()) : 0;
}

void XorTransport::finish() noexcept {
    farewell_due_ = true;
}

std::unique_ptr<Transport> XorTransports::make() noexcept {
    return std::unique_ptr<Transport>(new (std::nothrow)
                                          XorTransport(XorTransport::Side::server, ++seed_));
}

// ---- the client's end ------------------------------------------------------------------------

std::string XorClient::seal(std::string_view plain) {
    waiting_ += plain;
    std::string wire;
    std::string room(Transport::kRecordMax, '\0');
    while (const std::size_t own = transport_.own_output(room)) {
        wire.append(room, 0, own);
    }
    while (!waiting_.empty()) {
        const Slice slice{waiting_.data(), waiting_.size()};
        const Transport::Progress progress = transport_.seal({&slice, 1}, room);
        if (progress.taken == 0) {
            break;
        }
        wire.append(room, 0, progress.written);
        waiting_.erase(0, progress.taken);
    }
    if (finishing_ && waiting_.empty() && !handshaking() && !std::exchange(farewell_said_, true)) {
        transport_.finish();
        if (const std::size_t own = transport_.own_output(room)) {
            wire.append(room, 0, own);
        }
    }
    return wire;
}

std::string XorClient::open(std::string_view wire) {
    std::string plain;
    std::string room(4 * Transport::kRecordMax, '\0');
    while (!wire.empty()) {
        const Transport::Progress progress = transport_.open(wire, room);
        plain.append(room, 0, progress.written);
        wire.remove_prefix(progress.taken);
        if (progress.taken == 0 && progress.written == 0) {
            break;
        }
    }
    return plain;
}

}  // namespace sluice::test
