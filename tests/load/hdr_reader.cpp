#include "tests/load/hdr_reader.h"

#include <zlib.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <utility>

namespace sluice::load {

namespace {

constexpr std::uint32_t kCookieV2 = 0x1c849303 | 0x10;
constexpr std::uint32_t kCookieV2Compressed = 0x1c849304 | 0x10;
constexpr std::size_t kHeadBytes = 40;
constexpr std::size_t kPayloadMax = 16 << 20;  // far above 9 bytes for each of our buckets
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint64_t take(std::string_view from, std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
        value = value << 8 | static_cast<unsigned char>(from[at + i]);
    }
    return value;
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
