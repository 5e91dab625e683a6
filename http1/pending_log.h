// PendingLog: what the access log will say of answers whose bytes are still on their way. How much
// really left is known only afterwards, when the request is gone; so its texts are kept here.
//
// The records live at the end of memory that the owner lends while there are any (the session's
// output buffer, which fills from the front), oldest first, growing downward. Owned by one session;
// worker's thread. Nothing fails: the owner checks for room first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/session.h"
#include "log/access_log.h"

namespace sluice::http {

struct LogTexts {
    std::string_view request_line;
    std::string_view referer;
    std::string_view user_agent;
};

class PendingLog {
  public:
    // Records end at `size` of the memory. Each call is given that memory, the same one as long as
    // there are records.
    explicit PendingLog(std::uint32_t size) noexcept : size_(size), top_(size), bottom_(size) {}

    [[nodiscard]] static std::size_t bytes_for(const LogTexts& texts) noexcept;
    // Where the lowest record begins: the memory below is free.
    [[nodiscard]] std::uint32_t bottom() const noexcept { return bottom_; }
    [[nodiscard]] bool empty() const noexcept { return top_ == bottom_; }

    // `body_at`: where the answer's body begins, in bytes from the start of the piece that it
    // leaves with. Takes bytes_for(texts) below bottom().
    void push(char* memory, const LogTexts& texts, std::uint16_t status, std::uint64_t body_bytes,
              std::uint64_t body_at, Nanos now) noexcept;

    // `bytes` of the current piece have left. Writes the log lines; when `unfinished`, the last
    // answer's body goes on in the next piece, and its record stays.
    void settle(char* memory, std::uint64_t bytes, bool unfinished, AccessLogSink& sink,
                SessionPeer& peer, const SessionContext& context) noexcept;

  private:
    struct Record {
        std::uint64_t body_bytes;
        std::uint64_t body_left;  // body bytes that left with earlier pieces
        std::uint64_t body_at;
        Nanos started;
        std::uint16_t status;
        std::uint16_t line_bytes;
        std::uint16_t referer_bytes;     // kAbsent: no such field
        std::uint16_t user_agent_bytes;  // the same
    };
    static constexpr std::uint16_t kAbsent = 0xffff;
    static_assert(kLogTextMax < kAbsent);

    std::uint32_t size_;
    std::uint32_t top_;     // end of the oldest record
    std::uint32_t bottom_;  // start of the newest
};

}  // namespace sluice::http
