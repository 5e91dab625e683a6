#include "wire/reassembly.h"

#include <algorithm>

namespace sluice::wire {

namespace {

constexpr std::size_t kEarlyOverhead = 128;  // so that many empty ones are bounded as well

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
    while (!early_.empty() && early_.begin()->first <= offset_) {
        const auto node = early_.extract(early_.begin());
        const Early& piece = node.mapped();
        count(0, piece.bytes.size() + kEarlyOverhead);
        const std::uint64_t known = offset_ - node.key();
        if (known >= piece.length) {
            continue;
        }
        const std::string_view rest =
            std::string_view(piece.bytes).substr(std::min<std::size_t>(known, piece.bytes.size()));
        pass(direction, rest, piece.length - static_cast<std::uint32_t>(known), piece.origin,
             consumer);
    }
    if (early_.empty()) {
        impatience_ = 0;
    }
}

void Reassembly::skip_hole(int direction, Origin origin, StreamConsumer& consumer) {
    const std::uint64_t missing = early_.begin()->first - offset_;
    next_ += static_cast<std::uint32_t>(missing);
    offset_ += missing;
    impatience_ = 0;
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
        const auto [place, fresh] = early_.try_emplace(at);
        if (fresh || place->second.length < length) {
            const std::size_t before = fresh ? 0 : place->second.bytes.size() + kEarlyOverhead;
            place->second = {std::string(payload), length, origin};
            count(payload.size() + kEarlyOverhead, before);
        }
        impatience_ += hole_acked_ ? 1U : 0U;
        while (!early_.empty() && (full() || impatience_ > kPatience)) {
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
    while (!early_.empty()) {
        skip_hole(direction, origin, consumer);
    }
}

}  // namespace sluice::wire
