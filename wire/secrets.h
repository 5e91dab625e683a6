// Which bytes of a stream must not be shown to others: the values of Authorization, Cookie and
// their relatives, wherever segments cut them, and whatever of an HTTP stream could not be read as
// HTTP. Fails closed: what has not been read yet is hidden, unless it is known to be content.
//
// Places are those of the stream, from 0, so that a second copy of a frame hides the same. Bounded:
// the latest ranges are remembered; below them everything is hidden. Pure; no thread of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace sluice::wire {

struct ByteRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    [[nodiscard]] bool operator==(const ByteRange&) const noexcept = default;
};

class Secrets {
  public:
    static constexpr std::size_t kRangesMax = 256;
    static constexpr std::uint64_t kEverything = std::numeric_limits<std::uint64_t>::max();

    // To be called with rising ranges.
    void hide(ByteRange range);
    // Everything before `place` has been read, or is known to be content.
    void read_to(std::uint64_t place) noexcept { read_to_ = place; }
    // Nothing is known of what lies before `place`.
    void forget_before(std::uint64_t place) noexcept { forgotten_ = place; }

    // The parts of `range` that must not be shown, in order.
    void collect(ByteRange range, std::vector<ByteRange>& out) const;

  private:
    std::vector<ByteRange> ranges_;
    std::uint64_t forgotten_ = 0;
    std::uint64_t read_to_ = 0;
};

// For streams that are not read as HTTP: the values behind such names at the beginning of a line.
void collect_named_values(std::string_view text, std::uint64_t begin, std::vector<ByteRange>& out);

}  // namespace sluice::wire
