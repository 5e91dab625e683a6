#include "bench/load/hdr_format.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

namespace sluice::load {

namespace {

// Cookies of EncodableHistogram: base, plus 0x10 for "one word" counts.
constexpr std::uint32_t kCookieV2 = 0x1c849303 | 0x10;
constexpr std::uint32_t kCookieV2Compressed = 0x1c849304 | 0x10;
constexpr std::size_t kHeadBytes = 40;
constexpr std::size_t kPayloadMax = 16 << 20;  // far above 9 bytes for each of our buckets

void put(std::string& to, std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
        to.push_back(static_cast<char>(value >> shift));
    }
}

std::uint64_t take(std::string_view from, std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
        value = value << 8 | static_cast<unsigned char>(from[at + i]);
    }
    return value;
}

// LEB128 of at most nine bytes: the ninth holds eight bits.
void put_zigzag(std::string& to, std::int64_t value) {
    auto rest = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    for (int i = 0; i < 8; ++i) {
        if (rest < 0x80) {
            to.push_back(static_cast<char>(rest));
            return;
        }
        to.push_back(static_cast<char>(rest | 0x80));
        rest >>= 7;
    }
    to.push_back(static_cast<char>(rest));
}

bool take_zigzag(std::string_view from, std::size_t& at, std::int64_t& value) {
    std::uint64_t raw = 0;
    for (unsigned i = 0; i < 9; ++i) {
        if (at >= from.size()) {
            return false;
        }
        const auto byte = static_cast<unsigned char>(from[at++]);
        if (i == 8) {
            raw |= std::uint64_t{byte} << 56;
            break;
        }
        raw |= std::uint64_t{byte & 0x7fU} << (7 * i);
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    value = static_cast<std::int64_t>(raw >> 1) ^ -static_cast<std::int64_t>(raw & 1);
    return true;
}

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
        const std::uint64_t group = take(bytes, i, have) << (8 * (3 - have));
        for (std::size_t j = 0; j < 4; ++j) {
            text.push_back(j <= have ? kAlphabet[group >> (18 - 6 * j) & 63] : '=');
        }
    }
    return text;
}

bool from_base64(std::string_view text, std::string& bytes) {
    while (text.ends_with('=')) {
        text.remove_suffix(1);
    }
    std::uint32_t group = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const std::size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) {
            return false;
        }
        group = group << 6 | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<char>(group >> bits));
        }
    }
    return true;
}

std::string payload_of(const Histogram& histogram) {
    std::string payload;
    for (std::size_t i = 0; i < histogram.buckets_used();) {
        std::size_t next = i;
        while (next < histogram.buckets_used() && histogram.count_at(next) == 0) {
            ++next;
        }
        if (next > i) {
            put_zigzag(payload, -static_cast<std::int64_t>(next - i));
            i = next;
        } else {
            put_zigzag(payload, static_cast<std::int64_t>(histogram.count_at(i++)));
        }
    }
    return payload;
}

std::unexpected<Error> broken(const char* why) {
    return fail(Status::io_error, std::string("not an HdrHistogram V2 encoding: ") + why);
}

Result<std::string> inflate_all(std::string_view packed) {
    std::string plain;
    for (std::size_t size = 64 << 10; size <= kPayloadMax; size *= 4) {
        plain.resize(size);
        auto got = static_cast<uLongf>(size);
        const int code = ::uncompress(reinterpret_cast<Bytef*>(plain.data()), &got,
                                      reinterpret_cast<const Bytef*>(packed.data()),
                                      static_cast<uLong>(packed.size()));
        if (code == Z_OK) {
            plain.resize(got);
            return plain;
        }
        if (code != Z_BUF_ERROR) {
            return broken("the compressed part is damaged");
        }
    }
    return broken("the compressed part is damaged, or far too long");
}

// The lowest value of a bucket in a histogram with 2^step_bits steps for each doubling.
std::uint64_t value_at(std::size_t index, std::size_t step_bits) {
    const std::size_t steps = std::size_t{1} << step_bits;
    if (index < 2 * steps) {
        return index;
    }
    const std::size_t shift = (index >> step_bits) - 1;
    const std::uint64_t value = (index & (steps - 1)) + steps;
    return shift < static_cast<std::size_t>(std::countl_zero(value)) ? value << shift : UINT64_MAX;
}

Result<Histogram> from_plain(std::string_view plain) {
    if (plain.size() < kHeadBytes || take(plain, 0, 4) != kCookieV2) {
        return broken("wrong cookie");
    }
    const std::uint64_t length = take(plain, 4, 4);
    const std::uint64_t digits = take(plain, 12, 4);
    const std::uint64_t lowest = take(plain, 16, 8);
    if (length > plain.size() - kHeadBytes) {
        return broken("cut short");
    }
    if (take(plain, 8, 4) != 0 || digits < 1 || digits > 5 || lowest == 0) {
        return broken("a head that is not read here (digits, unit or shifted indexes)");
    }
    // Steps: the power of two that holds 10^digits, for each doubling.
    const auto step_bits =
        static_cast<std::size_t>(std::ceil(std::log2(std::pow(10, static_cast<double>(digits)))));
    const auto unit_bits = static_cast<std::size_t>(std::bit_width(lowest)) - 1;
    Histogram histogram;
    std::size_t index = 0;
    for (std::size_t at = kHeadBytes; at < kHeadBytes + length;) {
        std::int64_t count = 0;
        if (!take_zigzag(plain.substr(0, kHeadBytes + length), at, count)) {
            return broken("cut short");
        }
        if (count <= 0) {
            index += count == 0 ? 1 : static_cast<std::size_t>(-count);
            continue;
        }
        const std::uint64_t value = value_at(index++, step_bits);
        if (value > static_cast<std::uint64_t>(Histogram::kHighest) >> unit_bits) {
            return broken("values beyond 1 h");
        }
        histogram.record(static_cast<Nanos>(value << unit_bits), static_cast<std::uint64_t>(count));
    }
    return histogram;
}

std::vector<std::string_view> split(std::string_view text, char by) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t at = text.find(by);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(at + 1);
    }
}

bool to_number(std::string_view text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string encode_histogram(const Histogram& histogram) {
    const std::string payload = payload_of(histogram);
    std::string plain;
    put(plain, kCookieV2, 4);
    put(plain, payload.size(), 4);
    put(plain, 0, 4);  // normalizing index offset
    put(plain, Histogram::kDigits, 4);
    put(plain, Histogram::kLowest, 8);
    put(plain, Histogram::kHighest, 8);
    put(plain, std::bit_cast<std::uint64_t>(1.0), 8);  // integer to double value ratio
    plain += payload;

    uLongf size = ::compressBound(static_cast<uLong>(plain.size()));
    std::string packed(size, '\0');
    ::compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                reinterpret_cast<const Bytef*>(plain.data()), static_cast<uLong>(plain.size()),
                Z_BEST_COMPRESSION);
    packed.resize(size);
    std::string bytes;
    put(bytes, kCookieV2Compressed, 4);
    put(bytes, packed.size(), 4);
    return to_base64(bytes + packed);
}

Result<Histogram> decode_histogram(std::string_view base64) {
    std::string bytes;
    if (!from_base64(base64, bytes) || bytes.size() < 8) {
        return broken("no base64");
    }
    if (take(bytes, 0, 4) != kCookieV2Compressed) {
        return broken("wrong cookie");
    }
    const std::uint64_t length = take(bytes, 4, 4);
    if (length > bytes.size() - 8) {
        return broken("cut short");
    }
    auto plain = inflate_all(std::string_view(bytes).substr(8, length));
    return plain ? from_plain(*plain) : std::unexpected(plain.error());
}

// ---- interval log ----------------------------------------------------------------------------

std::string log_head(std::int64_t start_wall_ms, std::string_view comment) {
    const double start = static_cast<double>(start_wall_ms) / 1e3;
    return fmt::format(
        "#[{}]\n#[Histogram log format version 1.3]\n#[StartTime: {:.3f} (seconds since epoch)]\n"
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
        "\"Interval_Compressed_Histogram\"\n",
        comment, start);
}

std::string log_line(std::string_view tag, double start_s, double length_s,
                     const Histogram& values) {
    return fmt::format("{}{}{}{:.3f},{:.3f},{:.3f},{}\n", tag.empty() ? "" : "Tag=", tag,
                       tag.empty() ? "" : ",", start_s, length_s,
                       static_cast<double>(values.max()) / kLogMaxUnit, encode_histogram(values));
}

Result<std::vector<LogInterval>> read_log(std::string_view text) {
    std::vector<LogInterval> intervals;
    for (std::string_view line : split(text, '\n')) {
        while (line.ends_with('\r') || line.ends_with(' ')) {
            line.remove_suffix(1);
        }
        if (line.empty() || line.starts_with('#') || line.starts_with('"')) {
            continue;
        }
        LogInterval interval;
        std::vector<std::string_view> parts = split(line, ',');
        if (parts[0].starts_with("Tag=")) {
            interval.tag = parts[0].substr(4);
            parts.erase(parts.begin());
        }
        if (parts.size() != 4 || !to_number(parts[0], interval.start_s) ||
            !to_number(parts[1], interval.length_s) || !to_number(parts[2], interval.max)) {
            return fail(Status::io_error,
                        "not a line of an interval log: " + std::string(line.substr(0, 60)));
        }
        auto values = decode_histogram(parts[3]);
        if (!values) {
            return std::unexpected(values.error());
        }
        interval.values = std::move(*values);
        intervals.push_back(std::move(interval));
    }
    return intervals;
}

// ---- percentile distribution -----------------------------------------------------------------

// Points are dense where it matters: so many for each halving of the distance to 100 %.
std::vector<PercentilePoint> percentile_points(const Histogram& histogram, int ticks_per_half) {
    std::vector<PercentilePoint> points;
    const auto all = static_cast<double>(histogram.count());
    double next = 0;  // the percentile to report from, 0 to 1
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < histogram.buckets_used(); ++i) {
        if (histogram.count_at(i) == 0) {
            continue;
        }
        seen += histogram.count_at(i);
        const double reached = static_cast<double>(seen) / all;
        const auto value = static_cast<double>(
            std::clamp(Histogram::highest_at(i), histogram.min(), histogram.max()));
        if (seen == histogram.count()) {
            points.push_back({value, 1.0, seen});
            break;
        }
        while (next <= reached) {
            points.push_back({value, next, seen});
            const double halvings = std::floor(std::log2(1 / (1 - next))) + 1;
            next += 1 / (ticks_per_half * std::exp2(halvings));
        }
    }
    return points;
}

std::string percentile_text(const Histogram& histogram, double unit, int ticks_per_half) {
    std::string text = fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile",
                                   "TotalCount", "1/(1-Percentile)");
    for (const PercentilePoint& point : percentile_points(histogram, ticks_per_half)) {
        text += fmt::format("{:12.3f} {:2.12f} {:10d}", point.value / unit, point.percentile,
                            point.count);
        text += point.percentile < 1 ? fmt::format(" {:14.2f}\n", 1 / (1 - point.percentile))
                                     : std::string("\n");
    }
    text += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n",
                        histogram.mean() / unit, histogram.deviation() / unit);
    text += fmt::format("#[Max     = {:12.3f}, Total count    = {:12d}]\n",
                        static_cast<double>(histogram.max()) / unit, histogram.count());
    text += fmt::format("#[Buckets = {:12d}, SubBuckets     = {:12d}]\n", Histogram::kDoublings,
                        2 * Histogram::kSteps);
    return text;
}

Result<std::vector<PercentilePoint>> read_percentile_text(std::string_view text) {
    std::vector<PercentilePoint> points;
    bool head = true;
    for (const std::string_view line : split(text, '\n')) {
        std::vector<std::string_view> words;
        for (const std::string_view word : split(line, ' ')) {
            if (!word.empty() && word != "\r") {
                words.push_back(word);
            }
        }
        if (words.empty() || words[0].starts_with('#') || std::exchange(head, false)) {
            continue;
        }
        PercentilePoint point;
        double count = 0;
        if (words.size() < 3 || !to_number(words[0], point.value) ||
            !to_number(words[1], point.percentile) || !to_number(words[2], count)) {
            return fail(Status::io_error, "not a line of a percentile distribution: " +
                                              std::string(line.substr(0, 60)));
        }
        point.count = static_cast<std::uint64_t>(count);
        points.push_back(point);
    }
    return points;
}

}  // namespace sluice::load
