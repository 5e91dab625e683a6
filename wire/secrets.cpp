#include "wire/secrets.h"

#include <algorithm>

#include "wire/output.h"

namespace sluice::wire {

void Secrets::hide(ByteRange range) {
    if (range.begin >= range.end) {
        return;
    }
    if (!ranges_.empty() && ranges_.back().end >= range.begin) {
        ranges_.back().end = std::max(ranges_.back().end, range.end);
        ranges_.back().begin = std::min(ranges_.back().begin, range.begin);
        return;
    }
    if (ranges_.size() == kRangesMax) {
        forgotten_ = ranges_.front().end;
        ranges_.pop_front();
    }
    ranges_.push_back(range);
}

void Secrets::collect(ByteRange range, std::vector<ByteRange>& out) const {
    std::uint64_t at = range.begin;
    const auto add = [&](std::uint64_t begin, std::uint64_t end) {
        begin = std::max(begin, at);
        end = std::min(end, range.end);
        if (begin < end) {
            out.push_back({begin, end});
            at = end;
        }
    };
    add(range.begin, forgotten_);
    for (const ByteRange& one : ranges_) {
        add(one.begin, one.end);
    }
    add(read_to_, range.end);
}

void collect_named_values(std::string_view text, std::uint64_t begin, std::vector<ByteRange>& out) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        const std::size_t colon = line.find(':');
        if (colon != std::string_view::npos && is_secret(line.substr(0, colon))) {
            out.push_back({begin + at + colon + 1, begin + end});
        }
        at = end + 1;
    }
}

}  // namespace sluice::wire
