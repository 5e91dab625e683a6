#include "tests/support/echo_session.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/check.h"

namespace sluice::test {

EchoSession::EchoSession(const SessionContext& context, EchoCounts& counts) noexcept
    : context_(context), counts_(counts) {
    ++counts_.created;
}

EchoSession::~EchoSession() {
    ++counts_.destroyed;
}

std::size_t EchoSession::feed(std::string_view bytes) noexcept {
    counts_.fed_while_sending += sending_bytes_ > 0 ? 1 : 0;
    const std::size_t room =
        kBufferBytes - kReserve - std::min(queued_bytes_, kBufferBytes - kReserve);
    const std::size_t taken = over_ ? bytes.size() : std::min(bytes.size(), room);
    for (std::size_t i = 0; i < taken && !over_; ++i) {
        queued_[queued_bytes_++] = bytes[i];
        wait_ = bytes[i] == kWaitWindow ? SessionState::window
                : bytes[i] == kWaitHead ? SessionState::head
                                        : SessionState::kept;
        since_ = context_.now;
    }
    return taken;
}

void EchoSession::say(std::string_view words) noexcept {
    CHECK(queued_bytes_ + words.size() <= kBufferBytes);
    std::memcpy(queued_.data() + queued_bytes_, words.data(), words.size());
    queued_bytes_ += words.size();
}

void EchoSession::on_timeout() noexcept {
    say(kTimedOut);
    over_ = true;
}

void EchoSession::farewell() noexcept {
    ++counts_.farewells;
    if (!over_) {
        say(kFarewell);
        over_ = true;
    }
}

Piece EchoSession::next() noexcept {
    CHECK(sending_bytes_ == 0);
    Piece piece;
    if (queued_bytes_ > 0) {
        std::memcpy(sending_.data(), queued_.data(), queued_bytes_);
        sending_bytes_ = std::exchange(queued_bytes_, 0);
        piece.slices[piece.slice_count++] = {sending_.data(), sending_bytes_};
    }
    return piece;
}

void EchoSession::aborted(std::uint64_t /*bytes*/) noexcept {
    ++counts_.aborted;
    sending_bytes_ = queued_bytes_ = 0;
    over_ = true;
}

SessionState EchoSession::state() const noexcept {
    if (wait_ != SessionState::kept && !over_) {
        return wait_;
    }
    if (sending_bytes_ > 0 || queued_bytes_ > 0) {
        return SessionState::respond;
    }
    return over_ ? SessionState::linger : SessionState::kept;
}

Session* EchoFactory::create(void* storage, SessionPeer& peer) noexcept {
    protocol = peer.protocol();
    listener = peer.listener();
    return new (storage) EchoSession(context_, counts);
}

}  // namespace sluice::test
