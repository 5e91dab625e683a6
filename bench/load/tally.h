// Tally: everything that one thread counts in one interval of a run. Tallies add up: those of all
// threads make an interval, those of all intervals make the run.
//
// docs/bench.md says what each number means (start event, end event, clock). To keep the path of a
// request short, an answer is recorded once by kind (first on its connection or later, class of
// status, in one read or in several), and reports merge the sums that they want afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/clock.h"
#include "core/histogram.h"

namespace sluice::load {

// Why a request or a connection failed.
enum class Failure : std::uint8_t {
    connect_refused,
    connect_timed_out,
    connect_unreachable,
    connect_no_ports,
    connect_no_descriptors,
    connect_other,
    reset,         // the connection broke with the answer outstanding
    closed_early,  // the server ended the stream with the answer outstanding
    timed_out,     // no complete answer within --timeout
    not_http,      // bytes that are no HTTP answer
    never_sent,    // open loop: planned, but no connection was free before the run gave up on it
    body_differs,  // --verify: an answer, but not the expected one
    unasked,       // bytes that came when no answer was outstanding
    count_,
};
inline constexpr std::size_t kFailures = static_cast<std::size_t>(Failure::count_);
// The first failure that loses a request; those before lose only an attempt to connect. From
// kFirstOther on nothing is lost: a wrong body is an answer with a latency, and counted as one; and
// no request asked for the bytes of `unasked`.
inline constexpr std::size_t kFirstRequestFailure = static_cast<std::size_t>(Failure::reset);
inline constexpr std::size_t kFirstOther = static_cast<std::size_t>(Failure::body_differs);

// Who ended a connection, and how.
enum class Close : std::uint8_t {
    by_us,                  // the run ended, or a time-out
    by_server_announced,    // FIN after "Connection: close"
    by_server_idle,         // FIN between two requests
    by_server_outstanding,  // FIN with an answer outstanding
    reset_idle,             // RST between two requests
    reset_outstanding,
    count_,
};
inline constexpr std::size_t kCloses = static_cast<std::size_t>(Close::count_);

[[nodiscard]] std::string_view to_string(Failure failure);
[[nodiscard]] std::string_view to_string(Close close);
// Names for machines: "connect_refused".
[[nodiscard]] std::string_view name_of(Failure failure);
[[nodiscard]] std::string_view name_of(Close close);

struct Tally {
    enum Place : std::size_t { kFirst, kLater, kPlaces };
    enum : std::size_t { kOneRead, kSeveralReads, kReadKinds };
    static constexpr std::size_t kClasses = 6;      // 1xx to 5xx, and beyond
    static constexpr std::size_t kStatusMax = 999;  // three digits (RFC 9112 section 4)

    // Request: send to last byte.
    std::array<std::array<std::array<Histogram, kReadKinds>, kClasses>, kPlaces> service;
    Histogram response;  // planned instant to last byte
    // Open loop: planned instant to send. Closed loop: place free and handshake done to send.
    Histogram lateness;
    Histogram own_lateness;  // open loop: the part of it in which a connection was free
    // What the generator's own pauses did: their lengths, how many requests were due or in flight
    // in one, and the two latencies less what each request waited for us.
    Histogram paused;
    std::uint64_t requests_paused = 0;
    Histogram response_unpaused;
    Histogram service_unpaused;
    Histogram first_byte;    // of answers in several reads: send to first byte
    Histogram transfer;      // of the same: first byte to last byte
    Histogram write_waited;  // sends that the system did not take at once: until it had
    std::uint64_t writes_at_once = 0;

    Histogram connect;                // connect() to writable, without a retransmission
    Histogram connect_retransmitted;  // the same, of handshakes that lost a packet
    Histogram kernel_rtt;             // tcpi_rtt right after the handshake
    Histogram accept_wait;            // as the server told (Server-Timing)

    std::array<std::uint64_t, kStatusMax + 1> status{};  // answers by status code
    std::array<std::uint64_t, kFailures> failures{};
    std::array<std::uint64_t, kCloses> closes{};
    std::uint64_t body_bytes = 0;
    std::uint64_t received_bytes = 0;  // with heads and chunked framing
    std::uint64_t sent_bytes = 0;
    std::uint64_t requests_sent = 0;
    std::uint64_t answers_after_end = 0;  // complete only after the run's last instant
    // Both sides of Little's law: the measured time that all requests together were in flight,
    // counted as it passed, and summed up when each ended, answered or not.
    Nanos in_flight_ns = 0;
    Nanos under_way_ns = 0;

    void merge(const Tally& other) noexcept;
    void clear() noexcept;

    [[nodiscard]] std::uint64_t answers() const { return response.count(); }
    [[nodiscard]] std::uint64_t connections() const {
        return connect.count() + connect_retransmitted.count();
    }
    [[nodiscard]] Nanos time_paused() const {
        return static_cast<Nanos>(paused.mean() * static_cast<double>(paused.count()));
    }
    [[nodiscard]] std::uint64_t connects_failed() const;
    [[nodiscard]] std::uint64_t requests_failed() const;  // without those whose answer was wrong
    [[nodiscard]] std::uint64_t failed(Failure why) const {
        return failures[static_cast<std::size_t>(why)];
    }
    [[nodiscard]] std::uint64_t class_count(std::size_t status_class) const;  // 1 to kClasses

    [[nodiscard]] Histogram service_all() const;
    [[nodiscard]] Histogram service_of_place(Place place) const;
    [[nodiscard]] Histogram service_of_class(std::size_t status_class) const;  // 1 to kClasses
    [[nodiscard]] Histogram first_byte_all() const;
    [[nodiscard]] Histogram transfer_all() const;  // 0 for answers in one read
};

}  // namespace sluice::load
