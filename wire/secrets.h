// Which bytes of a stream must not be shown to others: the values of Authorization, Cookie and
// similar fields, wherever segments cut them, and bytes of an HTTP stream that could not be read as
// HTTP. Fails closed: bytes that have not been read yet are hidden, unless they are known to be
// content.
//
// Offsets count from the start of the stream, so that a second copy of a frame hides the same.
// Bounded: the latest ranges are remembered; below them everything is hidden. Pure; no thread.
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

    // To be called with ascending ranges.
    void hide(ByteRange range);
    // Everything before `offset` has been read, or is known to be content.
    void read_to(std::uint64_t offset) noexcept { read_to_ = offset; }
    // Nothing is known of the bytes before `offset`.
    void forget_before(std::uint64_t offset) noexcept { forgotten_ = offset; }

    // The parts of `range` that must not be shown, in order.
    void collect(ByteRange range, std::vector<ByteRange>& out) const;

  private:
    std::vector<ByteRange> ranges_;
    std::uint64_t forgotten_ = 0;
    std::uint64_t read_to_ = 0;
};

// For streams that are not read as HTTP: the values after such names at the beginning of a line.
void collect_named_values(std::string_view text, std::uint64_t begin, std::vector<ByteRange>& out);

}  // namespace sluice::wire
