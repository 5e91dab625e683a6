#include "http1/pending_log.h"

#include <algorithm>
#include <cstring>

namespace sluice::http {
namespace {

std::string_view cut(std::string_view text) {
    return text.substr(0, kLogTextMax);
}

}  // namespace

std::size_t PendingLog::bytes_for(const LogTexts& texts) noexcept {
    return sizeof(Record) + cut(texts.request_line).size() + cut(texts.referer).size() +
           cut(texts.user_agent).size();
}

// From high to low: the record, then its three texts.
void PendingLog::push(char* memory, const LogTexts& texts, std::uint16_t status,
                      std::uint64_t body_bytes, std::uint64_t body_at, Nanos now) noexcept {
    const auto length = [](std::string_view text) {
        return text.data() == nullptr ? kAbsent : static_cast<std::uint16_t>(cut(text).size());
    };
    const Record record{body_bytes,
                        0,
                        body_at,
                        now,
                        status,
                        length(texts.request_line),
                        length(texts.referer),
                        length(texts.user_agent)};
    char* at = memory + bottom_ - sizeof record;
    std::memcpy(at, &record, sizeof record);
    for (const std::string_view text : {texts.request_line, texts.referer, texts.user_agent}) {
        if (!text.empty()) {
            at -= cut(text).size();
            std::memcpy(at, text.data(), cut(text).size());
        }
    }
    bottom_ = static_cast<std::uint32_t>(at - memory);
}

void PendingLog::settle(char* memory, std::uint64_t bytes, bool unfinished, AccessLogSink& sink,
                        SessionPeer& peer, const SessionContext& context) noexcept {
    while (top_ != bottom_) {
        char* const record_at = memory + top_ - sizeof(Record);
        Record record;
        std::memcpy(&record, record_at, sizeof record);
        const std::uint64_t beyond = bytes - std::min(bytes, record.body_at);
        record.body_left += std::min(beyond, record.body_bytes - record.body_left);

        char* at = record_at;
        const auto text = [&at](std::uint16_t length) {
            if (length == kAbsent) {
                return std::string_view{};
            }
            at -= length;
            return std::string_view{at, length};
        };
        LogRecord line;
        line.request_line = text(record.line_bytes);
        line.referer = text(record.referer_bytes);
        line.user_agent = text(record.user_agent_bytes);
        const auto next = static_cast<std::uint32_t>(at - memory);
        if (unfinished && next == bottom_) {
            record.body_at = 0;
            std::memcpy(record_at, &record, sizeof record);
            return;
        }
        line.peer = &peer.peer_endpoint();
        line.status = record.status;
        line.body_bytes = record.body_left;
        line.duration_ns = context.now - record.started;
        sink.write(line, context.wall_seconds);
        top_ = next;
    }
    top_ = size_;
    bottom_ = size_;
}

}  // namespace sluice::http
