#include "log/access_log.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstring>

#include "core/check.h"
#include "http/swar.h"

namespace sluice::http {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// Appends to a buffer that is large enough (kLogLineMax).
class Line {
  public:
    explicit Line(char* out) : begin_(out), next_(out) {}

    void put(std::string_view text) {
        std::memcpy(next_, text.data(), text.size());
        next_ += text.size();
    }
    void put(char c) { *next_++ = c; }
    void put_number(std::uint64_t number) { next_ = std::to_chars(next_, next_ + 20, number).ptr; }
    void put_hex(unsigned char byte) {
        put(kHex[byte >> 4]);
        put(kHex[byte & 0xf]);
    }

    // Copies `text`, eight bytes at a time while they are harmless. At any other byte `escape` is
    // given the rest of the text; it writes a replacement for its start and returns how many bytes
    // it replaced.
    template <typename Escape>
    void put_escaped(std::string_view text, Escape escape) {
        while (!text.empty()) {
            if (text.size() >= 8 && plain(swar::load8(text.data()))) {
                put(text.substr(0, 8));
                text.remove_prefix(8);
            } else if (plain(swar::kOnes * static_cast<unsigned char>(text[0]))) {
                put(text[0]);
                text.remove_prefix(1);
            } else {
                text.remove_prefix(escape(*this, text));
            }
        }
    }

    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(next_ - begin_); }

  private:
    // Printable ASCII except the quote and the backslash.
    static bool plain(std::uint64_t word) {
        return ((word & swar::kHighs) | swar::any_below(word, 0x20) | swar::any_equal(word, 0x7f) |
                swar::any_equal(word, '"') | swar::any_equal(word, '\\')) == 0;
    }

    char* begin_;
    char* next_;
};

std::size_t escape_byte(Line& line, std::string_view text) {
    line.put("\\x");
    line.put_hex(static_cast<unsigned char>(text[0]));
    return 1;
}

// The length of the UTF-8 sequence at the start of `text`, 0 if there is none (RFC 3629 section 4).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto tail = [byte](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const unsigned first = byte(0);
    const unsigned second = byte(1);
    if (first >= 0xc2 && first <= 0xdf) {
        return tail(1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        const bool fine =
            second >= (first == 0xe0 ? 0xa0U : 0x80U) && second <= (first == 0xed ? 0x9fU : 0xbfU);
        return fine && tail(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool fine =
            second >= (first == 0xf0 ? 0x90U : 0x80U) && second <= (first == 0xf4 ? 0x8fU : 0xbfU);
        return fine && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

std::size_t escape_json(Line& line, std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (first == '"' || first == '\\') {
        line.put('\\');
        line.put(text[0]);
        return 1;
    }
    if (first < 0x80) {
        line.put("\\u00");
        line.put_hex(first);
        return 1;
    }
    const std::size_t length = utf8_length(text);
    if (length == 0) {
        line.put("\\ufffd");
        return 1;
    }
    if (first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) {  // C1: 0x80 to 0x9f
        line.put("\\u00");
        line.put_hex(static_cast<unsigned char>(text[1]));
        return length;
    }
    line.put(text.substr(0, length));
    return length;
}

void put_peer(Line& line, const Endpoint* peer) {
    if (peer == nullptr || peer->family == Family::none) {
        line.put('-');
    } else if (peer->family == Family::ipv4) {
        for (std::size_t i = 0; i < 4; ++i) {
            if (i != 0) {
                line.put('.');
            }
            line.put_number(peer->address[i]);
        }
    } else {
        Endpoint::HostText text;
        line.put(peer->host(text));
    }
}

void put_quoted(Line& line, std::string_view text) {
    line.put('"');
    if (text.data() == nullptr) {
        line.put('-');
    }
    line.put_escaped(text.substr(0, kLogTextMax), escape_byte);
    line.put('"');
}

// host ident user [time] "request" status bytes, as log tools expect it.
void put_common(Line& line, const LogRecord& record, const LogClock& clock) {
    put_peer(line, record.peer);
    line.put(" - - ");
    line.put(clock.clf());
    line.put(' ');
    put_quoted(line, record.request_line);
    line.put(' ');
    line.put_number(record.status);
    line.put(' ');
    line.put_number(record.body_bytes);
}

void put_member(Line& line, std::string_view name, std::string_view text) {
    line.put(",\"");
    line.put(name);
    line.put("\":");
    if (text.data() == nullptr) {
        line.put("null");
        return;
    }
    line.put('"');
    line.put_escaped(text.substr(0, kLogTextMax), escape_json);
    line.put('"');
}

// A well-formed request line has exactly two spaces; any other is written whole.
void put_request_members(Line& line, std::string_view request_line) {
    const std::size_t first = request_line.find(' ');
    const std::size_t last = request_line.rfind(' ');
    const bool well_formed =
        first < last && last != std::string_view::npos && request_line.find(' ', first + 1) == last;
    if (!well_formed) {
        put_member(line, "request", request_line);
        return;
    }
    put_member(line, "method", request_line.substr(0, first));
    put_member(line, "target", request_line.substr(first + 1, last - first - 1));
    put_member(line, "protocol", request_line.substr(last + 1));
}

void put_json(Line& line, const LogRecord& record, const LogClock& clock) {
    line.put("{\"time\":\"");
    line.put(clock.iso());
    line.put("\",\"remote\":\"");
    put_peer(line, record.peer);
    line.put('"');
    put_request_members(line, record.request_line.substr(0, kLogTextMax));
    line.put(",\"status\":");
    line.put_number(record.status);
    line.put(",\"bytes\":");
    line.put_number(record.body_bytes);
    line.put(",\"duration_us\":");
    line.put_number(static_cast<std::uint64_t>(std::max<Nanos>(record.duration_ns, 0)) / 1000);
    put_member(line, "referer", record.referer);
    put_member(line, "user_agent", record.user_agent);
    line.put('}');
}

}  // namespace

void LogClock::update(std::int64_t wall_seconds) noexcept {
    using namespace std::chrono;
    if (wall_seconds == second_) {
        return;
    }
    second_ = wall_seconds;
    const sys_seconds instant{seconds{wall_seconds}};
    const sys_days day = floor<days>(instant);
    const year_month_day date{day};
    const hh_mm_ss time{instant - day};
    const auto year = static_cast<unsigned>(std::clamp(static_cast<int>(date.year()), 0, 9999));
    const auto month = static_cast<unsigned>(date.month());
    const auto put = [](char* out, unsigned value, int digits) {
        for (int i = digits - 1; i >= 0; --i, value /= 10) {
            out[i] = static_cast<char>('0' + value % 10);
        }
    };
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    std::memcpy(clf_.data(), "[00/Jan/0000:00:00:00 +0000]", clf_.size());
    std::memcpy(iso_.data(), "0000-00-00T00:00:00Z", iso_.size());
    std::memcpy(clf_.data() + 4, kMonths.data() + std::size_t{3} * (month - 1), 3);
    put(clf_.data() + 1, static_cast<unsigned>(date.day()), 2);
    put(clf_.data() + 8, year, 4);
    put(iso_.data(), year, 4);
    put(iso_.data() + 5, month, 2);
    put(iso_.data() + 8, static_cast<unsigned>(date.day()), 2);
    for (char* out : {clf_.data() + 13, iso_.data() + 11}) {
        put(out, static_cast<unsigned>(time.hours().count()), 2);
        put(out + 3, static_cast<unsigned>(time.minutes().count()), 2);
        put(out + 6, static_cast<unsigned>(time.seconds().count()), 2);
    }
}

std::size_t format_log_line(LogFormat format, const LogRecord& record, const LogClock& clock,
                            char* out) noexcept {
    Line line(out);
    if (format == LogFormat::json) {
        put_json(line, record, clock);
    } else {
        put_common(line, record, clock);
        if (format == LogFormat::combined) {
            line.put(' ');
            put_quoted(line, record.referer);
            line.put(' ');
            put_quoted(line, record.user_agent);
        }
    }
    line.put('\n');
    return line.size();
}

AccessLogSink::AccessLogSink(LogFormat format, std::size_t ring_bytes, std::function<void()> wake)
    : format_(format),
      mask_(ring_bytes - 1),
      ring_(std::make_unique_for_overwrite<char[]>(ring_bytes)),
      wake_(std::move(wake)),
      line_(std::make_unique_for_overwrite<char[]>(kLogLineMax)) {
    CHECK(std::has_single_bit(ring_bytes));
}

void AccessLogSink::write(const LogRecord& record, std::int64_t wall_seconds) noexcept {
    clock_.update(wall_seconds);
    const std::size_t size = format_log_line(format_, record, clock_, line_.get());
    if (!put({line_.get(), size})) {
        dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
}

bool AccessLogSink::put(std::string_view line) noexcept {
    const std::uint64_t at = written_.load(std::memory_order_relaxed);
    const std::size_t ring_bytes = mask_ + 1;
    const std::size_t half = ring_bytes / 2;
    if (at + line.size() - read_seen_ > half) {
        // Acquire: bytes may be overwritten only after the consumer has read them.
        read_seen_ = read_.load(std::memory_order_acquire);
        const bool beyond_half = at + line.size() - read_seen_ > half;
        if (beyond_half && !woken_ && wake_) {
            wake_();
        }
        woken_ = beyond_half;
        if (at + line.size() - read_seen_ > ring_bytes) {
            return false;
        }
    }
    const std::size_t start = static_cast<std::size_t>(at) & mask_;
    const std::size_t first = std::min(line.size(), ring_bytes - start);
    std::memcpy(ring_.get() + start, line.data(), first);
    std::memcpy(ring_.get(), line.data() + first, line.size() - first);
    written_.store(at + line.size(), std::memory_order_release);
    return true;
}

std::array<std::string_view, 2> AccessLogSink::pending() const noexcept {
    const std::uint64_t from = read_.load(std::memory_order_relaxed);
    const std::size_t size =
        static_cast<std::size_t>(written_.load(std::memory_order_acquire) - from);
    const std::size_t start = static_cast<std::size_t>(from) & mask_;
    const std::size_t first = std::min(size, mask_ + 1 - start);
    return {std::string_view{ring_.get() + start, first},
            std::string_view{ring_.get(), size - first}};
}

void AccessLogSink::consume(std::size_t bytes) noexcept {
    read_.store(read_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
}

}  // namespace sluice::http
