#include "wire/reassembly.h"

#include <algorithm>

namespace sluice::wire {

namespace {

constexpr std::size_t kSegmentOverhead = 128;  // bounds the number of empty segments too

}  // namespace

void Reassembly::start(std::uint32_t seq) noexcept {
    if (!started_) {
        started_ = true;
        next_ = seq;
    }
}

void Reassembly::acknowledged(std::uint32_t ack) noexcept {
    hole_acked_ = started_ && static_cast<std::int32_t>(ack - next_) > 0;
}

void Reassembly::pass(int direction, std::string_view payload, std::uint32_t length, Origin origin,
                      StreamConsumer& consumer) {
    next_ += length;
    offset_ += length;
    if (!payload.empty()) {
        consumer.on_data(direction, payload, origin);
    }
    if (payload.size() < length) {
        consumer.on_gap(direction, length - payload.size(), origin);
    }
}

void Reassembly::pass_waiting(int direction, StreamConsumer& consumer) {
    while (!out_of_order_.empty() && out_of_order_.begin()->first <= offset_) {
        const auto node = out_of_order_.extract(out_of_order_.begin());
        const OutOfOrder& segment = node.mapped();
        count(0, segment.bytes.size() + kSegmentOverhead);
        const std::uint64_t known = offset_ - node.key();
        if (known >= segment.length) {
            continue;
        }
        const std::string_view rest =
            std::string_view(segment.bytes)
                .substr(std::min<std::size_t>(known, segment.bytes.size()));
        pass(direction, rest, segment.length - static_cast<std::uint32_t>(known), segment.origin,
             consumer);
    }
    if (out_of_order_.empty()) {
        segments_after_hole_ = 0;
    }
}

void Reassembly::skip_hole(int direction, Origin origin, StreamConsumer& consumer) {
    const std::uint64_t missing = out_of_order_.begin()->first - offset_;
    next_ += static_cast<std::uint32_t>(missing);
    offset_ += missing;
    segments_after_hole_ = 0;
    consumer.on_gap(direction, missing, origin);
    pass_waiting(direction, consumer);
}

void Reassembly::add(int direction, std::uint32_t seq, std::string_view payload,
                     std::uint32_t length, Origin origin, StreamConsumer& consumer) {
    if (length == 0) {
        return;
    }
    start(seq);
    const std::int64_t ahead = static_cast<std::int32_t>(seq - next_);
    if (ahead > 0) {
        const std::uint64_t at = offset_ + static_cast<std::uint64_t>(ahead);
        const auto [position, fresh] = out_of_order_.try_emplace(at);
        if (fresh || position->second.length < length) {
            const std::size_t before = fresh ? 0 : position->second.bytes.size() + kSegmentOverhead;
            position->second = {std::string(payload), length, origin};
            count(payload.size() + kSegmentOverhead, before);
        }
        segments_after_hole_ += hole_acked_ ? 1U : 0U;
        while (!out_of_order_.empty() && (full() || segments_after_hole_ > kSegmentsAfterHoleMax)) {
            skip_hole(direction, origin, consumer);
        }
        return;
    }
    const auto known = static_cast<std::uint64_t>(-ahead);
    if (known >= length) {
        return;  // all of it was there before
    }
    payload.remove_prefix(std::min<std::size_t>(known, payload.size()));
    pass(direction, payload, length - static_cast<std::uint32_t>(known), origin, consumer);
    pass_waiting(direction, consumer);
}

void Reassembly::finish(int direction, Origin origin, StreamConsumer& consumer) {
    while (!out_of_order_.empty()) {
        skip_hole(direction, origin, consumer);
    }
}

}  // namespace sluice::wire
