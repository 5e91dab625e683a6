// Transport: what lies between the bytes on the wire and those of a session, as TLS does. Bytes go
// in, bytes come out; a transport does no I/O, reads no clock and knows no socket. A connection has
// one from its beginning to its end, or none: then its session's bytes are those on the wire.
//
// ORDER OF CALLS. open() with what arrived, until all is taken. Before each send: own_output()
// until it is empty, then seal(). Both may have something at any time, also while earlier bytes are
// being sent: what was written is the caller's. finish() once, when no more is to be sealed.
//
// ENDS. A transport that fails says so by its state; its own output (an alert) is still to be sent.
// So is that of one whose peer has finished.
//
// Runs on the reactor's thread; nothing here throws or blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/bytes.h"

namespace sluice {

enum class TransportState : std::uint8_t {
    handshake,  // nothing can be sealed yet
    open,
    finished,  // the peer sends nothing more (TLS: close_notify); sealing goes on
    failed,
};

class Transport {
  public:
    // The least room that seal() and own_output() are given, and what open() may need: one record
    // of the largest size with all that belongs to it (RFC 8446 section 5.2: 16,384 + 256 bytes,
    // and a header of 5).
    static constexpr std::size_t kRecordMax = 16 * 1024 + 256 + 5;

    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    struct Progress {
        std::size_t taken = 0;    // of what came in
        std::size_t written = 0;  // of what goes out
    };
    // Takes bytes from the wire and writes the session's bytes that are in them. Taking less than
    // was offered means that there was no room for more, or that the state is finished or failed.
    [[nodiscard]] virtual Progress open(std::string_view wire, std::span<char> plain) noexcept = 0;
    // The reverse, of several slices in their order. Takes nothing in the states handshake and
    // failed.
    [[nodiscard]] virtual Progress seal(std::span<const Slice> plain,
                                        std::span<char> wire) noexcept = 0;
    // What it has to say itself: a handshake, tickets, alerts. 0: nothing (more).
    [[nodiscard]] virtual std::size_t own_output(std::span<char> wire) noexcept = 0;
    // Nothing more will be sealed: the farewell (TLS: close_notify) becomes own output.
    virtual void finish() noexcept = 0;

    [[nodiscard]] virtual TransportState state() const noexcept = 0;
    // What was agreed on (ALPN, RFC 7301), once the handshake is over; empty: nothing was.
    [[nodiscard]] virtual std::string_view protocol() const noexcept { return {}; }
};

// Makes the transports of a listener's connections; one factory object for each worker, on its
// thread, which outlives them.
class TransportFactory {
  public:
    virtual ~TransportFactory() = default;
    [[nodiscard]] virtual std::unique_ptr<Transport> make() noexcept = 0;  // null: no memory
};

}  // namespace sluice
