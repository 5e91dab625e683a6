#include "http/range.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "http/field.h"

namespace sluice::http {
namespace {

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

// 1*DIGIT at the front of `rest`. A number beyond 64 bits becomes kHuge: no representation is that
// long, so both mean the same.
std::optional<std::uint64_t> take_number(std::string_view& rest) noexcept {
    if (rest.empty() || !is_digit(rest.front())) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    while (!rest.empty() && is_digit(rest.front())) {
        const auto digit = static_cast<std::uint64_t>(rest.front() - '0');
        value = value > (kHuge - digit) / 10 ? kHuge : value * 10 + digit;
        rest.remove_prefix(1);
    }
    return value;
}

enum class Spec : std::uint8_t { malformed, nothing, range };

// range-spec = int-range / suffix-range (RFC 9110 sections 14.1.1 and 14.1.2), cut to `size`.
Spec parse_spec(std::string_view spec, std::uint64_t size, ByteRange& range) noexcept {
    const std::optional<std::uint64_t> first = take_number(spec);
    if (!spec.starts_with('-')) {
        return Spec::malformed;
    }
    spec.remove_prefix(1);
    const std::optional<std::uint64_t> last = take_number(spec);
    if (!spec.empty() || (!first && !last)) {
        return Spec::malformed;
    }
    if (!first) {  // the last `last` bytes; all of them when there are fewer
        range.length = std::min(*last, size);
        range.first = size - range.length;
        return range.length == 0 ? Spec::nothing : Spec::range;
    }
    if (last && *last < *first) {
        return Spec::malformed;
    }
    if (*first >= size) {
        return Spec::nothing;
    }
    range.first = *first;
    range.length = std::min(last.value_or(kHuge), size - 1) - *first + 1;
    return Spec::range;
}

// Ranges without a byte in common and without two neighbours, in the order of first mention.
class Coalescer {
  public:
    void add(ByteRange added) noexcept {
        // The ranges that `added` touches become one, at the place of the first of them. A range
        // that touches none of them cannot touch their union.
        std::size_t kept = 0;
        std::size_t home = count_;
        for (std::size_t i = 0; i < count_; ++i) {
            if (!touch(ranges_[i], added)) {
                ranges_[kept++] = ranges_[i];
                continue;
            }
            added = join(ranges_[i], added);
            if (home == count_) {
                home = kept++;
            }
        }
        if (home == count_) {
            home = kept++;
        }
        ranges_[home] = added;
        count_ = kept;
    }

    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] const ByteRange* begin() const noexcept { return ranges_.data(); }

  private:
    // Both end within a 64-bit size, so the sums cannot overflow.
    static bool touch(const ByteRange& a, const ByteRange& b) noexcept {
        return a.first <= b.first + b.length && b.first <= a.first + a.length;
    }
    static ByteRange join(const ByteRange& a, const ByteRange& b) noexcept {
        const std::uint64_t first = std::min(a.first, b.first);
        return {first, std::max(a.first + a.length, b.first + b.length) - first};
    }

    std::array<ByteRange, kRangeSpecsMax> ranges_;
    std::size_t count_ = 0;
};

}  // namespace

RangeOutcome select_ranges(std::string_view field, std::uint64_t size, ByteRanges& ranges,
                           std::uint8_t& count) noexcept {
    // Unit names are case-insensitive, and nothing stands around the "=" (RFC 9110 section 14.1).
    constexpr std::string_view kUnit = "bytes=";
    if (!equals_lower(field.substr(0, kUnit.size()), kUnit)) {
        return RangeOutcome::ignored;
    }
    field.remove_prefix(kUnit.size());

    Coalescer coalescer;
    std::size_t specs = 0;
    while (!field.empty()) {
        const std::string_view spec = cut(field, ',');
        if (spec.empty()) {
            continue;  // empty list elements count for nothing (section 5.6.1.2)
        }
        ByteRange range;
        const Spec kind = parse_spec(spec, size, range);
        if (kind == Spec::malformed || ++specs > kRangeSpecsMax) {
            return RangeOutcome::ignored;
        }
        if (kind == Spec::range) {
            coalescer.add(range);
        }
    }
    if (specs == 0 || coalescer.count() > kRangesMax) {
        return RangeOutcome::ignored;
    }
    if (coalescer.count() == 0) {
        return RangeOutcome::unsatisfiable;
    }
    std::copy_n(coalescer.begin(), coalescer.count(), ranges.begin());
    count = static_cast<std::uint8_t>(coalescer.count());
    return RangeOutcome::satisfiable;
}

}  // namespace sluice::http
