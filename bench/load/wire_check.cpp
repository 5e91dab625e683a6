#include "bench/load/wire_check.h"

#include <algorithm>
#include <map>

namespace sluice::load {

namespace {

constexpr unsigned kSampledMax = 8;   // persistent connections
constexpr unsigned kChurnShare = 16;  // with churn: one connection in 16 is sampled

// One direction of a connection: when each byte was first seen. Positions count from the first byte
// of payload, in 64 bits.
class Stream {
  public:
    explicit Stream(std::uint32_t first_seq) : first_seq_(first_seq) {}

    void add(const WireSegment& segment) {
        const auto known = static_cast<std::uint32_t>(end_);
        const auto ahead = static_cast<std::int32_t>(segment.seq - first_seq_ - known);
        const std::int64_t from = static_cast<std::int64_t>(end_) + ahead;
        const std::int64_t to = from + segment.bytes;
        if (to > static_cast<std::int64_t>(end_)) {  // else a retransmission
            end_ = static_cast<std::uint64_t>(to);
            marks_.push_back(
                {static_cast<std::uint64_t>(std::max<std::int64_t>(from, 0)), end_, segment.time});
        }
    }
    // When the byte before position `end` was seen; none: it was not captured.
    [[nodiscard]] const Nanos* reached(std::uint64_t end) const {
        const auto at = std::ranges::lower_bound(marks_, end, {}, &Mark::end);
        return at == marks_.end() || at->begin >= end ? nullptr : &at->time;
    }

  private:
    struct Mark {
        std::uint64_t begin;
        std::uint64_t end;
        Nanos time;
    };
    std::uint32_t first_seq_;
    std::uint64_t end_ = 0;
    std::vector<Mark> marks_;
};

struct WireConnection {
    explicit WireConnection(const WireSegment& syn)
        : seq(syn.seq), began(syn.time), out(syn.seq + 1), in(0) {}
    std::uint32_t seq;
    Nanos began;
    Nanos answered = 0;  // SYN/ACK; 0: it never came
    Stream out;
    Stream in;
};

// The connections of each port, in order. Failed attempts are left out: the workers have not
// recorded them either.
using WireConnections = std::map<std::uint16_t, std::vector<WireConnection>>;

WireConnections connections_in(std::span<const WireSegment> segments) {
    WireConnections found;
    for (const WireSegment& segment : segments) {
        auto& of_port = found[segment.port];
        if (segment.syn && segment.from_client) {
            const bool again = !of_port.empty() && of_port.back().seq == segment.seq;
            if (!again) {
                of_port.emplace_back(segment);
            }
        } else if (of_port.empty()) {
            continue;  // begun before the capture
        } else if (segment.syn) {
            if (of_port.back().answered == 0) {
                of_port.back().answered = segment.time;
                of_port.back().in = Stream(segment.seq + 1);
            }
        } else {
            (segment.from_client ? of_port.back().out : of_port.back().in).add(segment);
        }
    }
    for (auto& [port, connections] : found) {
        std::erase_if(connections, [](const WireConnection& one) { return one.answered == 0; });
    }
    return found;
}

class Checker {
  public:
    explicit Checker(std::span<const WireSegment> segments) : wire_(connections_in(segments)) {}

    void add(const WireStamps& stamps) {
        std::vector<const WireConnection*> seen;
        for (const WireStamps::Handshake& ours : stamps.handshakes) {
            const WireConnection* there = next_on(ours.port);
            seen.push_back(there);
            if (there == nullptr) {
                ++check_.unmatched;
                continue;
            }
            ++check_.handshakes;
            compare(ours.began, ours.done, there->began, there->answered);
            if (ours.kernel_rtt >= 0) {
                check_.kernel.record(std::abs(ours.kernel_rtt - (there->answered - there->began)));
            }
        }
        for (const WireStamps::Request& ours : stamps.requests) {
            const WireConnection* there = seen[ours.handshake];
            const Nanos* out = there == nullptr ? nullptr : there->out.reached(ours.request_at + 1);
            const Nanos* in = there == nullptr ? nullptr : there->in.reached(ours.answer_end);
            if (out == nullptr || in == nullptr) {
                ++check_.unmatched;
                continue;
            }
            ++check_.requests;
            compare(ours.sent, ours.done, *out, *in);
        }
    }

    [[nodiscard]] WireCheck result() {
        check_.contradiction = at_most_ == kNever ? 0 : std::max<Nanos>(0, at_least_ - at_most_);
        return std::move(check_);
    }

  private:
    const WireConnection* next_on(std::uint16_t port) {
        const auto of_port = wire_.find(port);
        const std::size_t number = used_[port]++;
        return of_port != wire_.end() && number < of_port->second.size() ? &of_port->second[number]
                                                                         : nullptr;
    }
    void compare(Nanos our_start, Nanos our_end, Nanos start, Nanos end) {
        const Nanos excess = (our_end - our_start) - (end - start);
        if (excess >= -kWireSlack) {
            check_.excess.record(std::max<Nanos>(0, excess));
        } else {
            check_.shortfall.record(-excess);
        }
        at_most_ = std::min(at_most_, start - our_start);
        at_least_ = std::max(at_least_, end - our_end);
    }

    WireConnections wire_;
    std::map<std::uint16_t, std::size_t> used_;
    WireCheck check_;
    // Bounds of the offset between the clocks.
    Nanos at_most_ = kNever;
    Nanos at_least_ = -kNever;
};

}  // namespace

std::uint16_t sample_mask(unsigned connections, bool churn) noexcept {
    unsigned share = churn ? kChurnShare : 1;
    while (connections / share > kSampledMax && share < 4096) {
        share *= 2;
    }
    return static_cast<std::uint16_t>((share - 1) << 1);
}

WireCheck check_wire(std::span<const WireStamps* const> stamps,
                     std::span<const WireSegment> segments) {
    Checker checker(segments);
    for (const WireStamps* one : stamps) {
        checker.add(*one);
    }
    return checker.result();
}

}  // namespace sluice::load
