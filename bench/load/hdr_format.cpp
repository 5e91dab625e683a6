#include "bench/load/hdr_format.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "report/escape.h"

namespace sluice::load {

namespace {

// Cookies of EncodableHistogram: base, plus 0x10 for "one word" counts.
constexpr std::uint32_t kCookieV2 = 0x1c849303 | 0x10;
constexpr std::uint32_t kCookieV2Compressed = 0x1c849304 | 0x10;

void put(std::string& to, std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
        to.push_back(static_cast<char>(value >> shift));
    }
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
    return report::base64(bytes + packed);
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

// ---- percentile distribution -----------------------------------------------------------------

// Points are dense in the tail: `ticks_per_half` for each halving of the distance to 100 %.
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

}  // namespace sluice::load
