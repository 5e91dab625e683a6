// Access log, the worker's half: each answer is formatted as one line on the worker's thread, into
// a bounded ring. LogWriter (log/log_writer.h) takes the lines from there on the log's thread.
//
// OWNERSHIP AND THREADS. One AccessLogSink for each worker: write() is called on the worker's
// thread only, pending() and consume() on the log's thread only (single producer, single consumer).
// The sink outlives both. Nothing blocks, and nothing allocates after construction.
//
// WHAT CAN FAIL. A line enters the ring whole or not at all; a line without room is dropped and
// counted.
//
// INJECTION. What came from the peer is escaped, so that no request can end a line, end a quoted
// text or control a terminal. In common and combined every quote, backslash, control byte and byte
// beyond ASCII is \xNN; in JSON control characters (also C1) are \u00NN, and invalid UTF-8 becomes
// U+FFFD. Texts are cut at kLogTextMax bytes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "core/clock.h"
#include "core/endpoint.h"

namespace sluice::http {

enum class LogFormat : std::uint8_t { common, combined, json };

inline constexpr std::size_t kLogTextMax = 2048;
// The longest line: three texts with every byte escaped, and the rest.
inline constexpr std::size_t kLogLineMax = 3 * 6 * kLogTextMax + 1024;
inline constexpr std::size_t kLogRingBytes = std::size_t{1} << 20;

// One answered request. Texts as the peer sent them; an absent one has a null data().
struct LogRecord {
    const Endpoint* peer = nullptr;
    std::string_view request_line;  // arbitrary bytes when the request was malformed
    std::string_view referer;
    std::string_view user_agent;
    std::uint16_t status = 0;
    std::uint64_t body_bytes = 0;  // bytes actually sent, without the head
    Nanos duration_ns = 0;         // from the complete head to the last byte
};

// The time as the formats write it (UTC), formatted again when the second changes.
class LogClock {
  public:
    void update(std::int64_t wall_seconds) noexcept;
    [[nodiscard]] std::string_view clf() const { return {clf_.data(), clf_.size()}; }
    [[nodiscard]] std::string_view iso() const { return {iso_.data(), iso_.size()}; }

  private:
    std::int64_t second_ = INT64_MIN;
    std::array<char, 28> clf_{};  // "[10/Oct/2000:13:55:36 +0000]"
    std::array<char, 20> iso_{};  // "2000-10-10T13:55:36Z"
};

// Writes the line with its newline; `out` has room for kLogLineMax. Returns its length.
[[nodiscard]] std::size_t format_log_line(LogFormat format, const LogRecord& record,
                                          const LogClock& clock, char* out) noexcept;

class AccessLogSink {
  public:
    // `ring_bytes` is a power of two. `wake` asks for a drain when the ring becomes half full; it
    // is called on the worker's thread.
    explicit AccessLogSink(LogFormat format, std::size_t ring_bytes = kLogRingBytes,
                           std::function<void()> wake = {});
    AccessLogSink(const AccessLogSink&) = delete;
    AccessLogSink& operator=(const AccessLogSink&) = delete;

    // For the worker's thread.
    void write(const LogRecord& record, std::int64_t wall_seconds) noexcept;

    // For the log's thread: whole lines, in up to two parts.
    [[nodiscard]] std::array<std::string_view, 2> pending() const noexcept;
    void consume(std::size_t bytes) noexcept;

    // Lines dropped for lack of room. Any thread.
    [[nodiscard]] std::uint64_t dropped() const noexcept {
        return dropped_.load(std::memory_order_relaxed);
    }

  private:
    [[nodiscard]] bool put(std::string_view line) noexcept;

    const LogFormat format_;
    const std::size_t mask_;
    const std::unique_ptr<char[]> ring_;
    const std::function<void()> wake_;

    // Positions count bytes since the start and never wrap. Each side caches the other's position,
    // so that their cache lines rarely move between cores.
    alignas(64) std::atomic<std::uint64_t> written_{0};
    std::uint64_t read_seen_ = 0;
    bool woken_ = false;
    LogClock clock_;
    std::atomic<std::uint64_t> dropped_{0};
    std::unique_ptr<char[]> line_;

    alignas(64) std::atomic<std::uint64_t> read_{0};
};

}  // namespace sluice::http
