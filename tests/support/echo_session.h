// EchoSession: a protocol that tests what HTTP/1 does not need: full duplex, sessions that stay,
// waits whose deadline the session sets, farewells.
//
// It sends back what it receives while it receives, and takes nothing while a buffer is full. The
// byte kWaitWindow makes it wait for the peer's permission, kWaitHead for more of a message; the
// next byte ends that. When a wait is over it says kTimedOut and ends; its farewell is kFarewell.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/session.h"

namespace sluice::test {

struct EchoCounts {
    std::uint64_t created = 0;
    std::uint64_t destroyed = 0;
    std::uint64_t fed_while_sending = 0;
    std::uint64_t farewells = 0;
    std::uint64_t aborted = 0;
};

class EchoSession final : public Session {
  public:
    static constexpr char kWaitWindow = '\x01';
    static constexpr char kWaitHead = '\x02';
    static constexpr std::string_view kTimedOut = "timed out";
    static constexpr std::string_view kFarewell = "farewell";
    static constexpr std::size_t kBufferBytes = 8 * 1024;

    EchoSession(const SessionContext& context, EchoCounts& counts) noexcept;
    ~EchoSession() override;

    [[nodiscard]] std::size_t feed(std::string_view bytes) noexcept override;
    void on_eof() noexcept override { over_ = true; }
    void on_timeout() noexcept override;
    void resume() noexcept override {}
    [[nodiscard]] Piece next() noexcept override;
    void sent() noexcept override { sending_bytes_ = 0; }
    void aborted(std::uint64_t bytes) noexcept override;
    [[nodiscard]] SessionState state() const noexcept override;
    [[nodiscard]] Nanos since() const noexcept override { return since_; }
    [[nodiscard]] bool full_duplex() const noexcept override { return true; }
    void farewell() noexcept override;

  private:
    void say(std::string_view words) noexcept;

    // Room in the buffer for what is said at the end.
    static constexpr std::size_t kReserve = 64;

    const SessionContext& context_;
    EchoCounts& counts_;
    std::array<char, kBufferBytes> sending_{};
    std::array<char, kBufferBytes> queued_{};
    std::size_t sending_bytes_ = 0;
    std::size_t queued_bytes_ = 0;
    SessionState wait_ = SessionState::kept;
    Nanos since_ = 0;
    bool over_ = false;
};

class EchoFactory final : public SessionFactory {
  public:
    [[nodiscard]] std::size_t session_bytes() const noexcept override {
        return sizeof(EchoSession);
    }
    [[nodiscard]] Session* create(void* storage, SessionPeer& peer) noexcept override;
    [[nodiscard]] bool turn(const SessionContext& context) noexcept override {
        context_ = context;
        return false;
    }

    EchoCounts counts;
    // Of the session made last.
    std::string_view protocol;
    unsigned listener = 0;

  private:
    SessionContext context_;
};

}  // namespace sluice::test
