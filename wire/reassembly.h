// Reassembles one direction of a connection into a stream: in order, each byte once, with the frame
// that carried it.
//
// In-order data passes through without a copy. Out-of-order data is copied and waits, up to a
// bound. A hole that the capture will not fill is passed on as a gap of known size: its end was
// acknowledged long ago, the bound is reached, or the connection is over. Where copies of the same
// bytes differ, the first one counts. Source: RFC 9293 section 3.4.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace sluice::wire {

// Where bytes came from.
struct Origin {
    std::uint64_t frame = 0;
    Nanos time = 0;
};

class StreamConsumer {
  public:
    virtual void on_data(int direction, std::string_view bytes, Origin origin) = 0;
    virtual void on_gap(int direction, std::uint64_t bytes, Origin origin) = 0;

  protected:
    ~StreamConsumer() = default;
};

// Out-of-order bytes that wait in all streams together.
struct WaitingBytes {
    static constexpr std::size_t kMax = 256U << 20;
    std::size_t now = 0;
};

class Reassembly {
  public:
    static constexpr std::size_t kWaitingBytesMax = 4U << 20;  // for each direction
    // The bound for each direction once all streams together exceed WaitingBytes::kMax.
    static constexpr std::size_t kWaitingBytesLeast = 16U << 10;
    // A hole is skipped after so many segments that follow its acknowledgement.
    static constexpr unsigned kSegmentsAfterHoleMax = 64;

    explicit Reassembly(WaitingBytes* all = nullptr) noexcept : all_(all) {}
    Reassembly(const Reassembly&) = delete;
    Reassembly& operator=(const Reassembly&) = delete;
    ~Reassembly() { count(0, out_of_order_bytes_); }

    // `length` is the payload's by its header; `payload` is the captured part. A SYN's data begin
    // one after its number: the caller adds that.
    void add(int direction, std::uint32_t seq, std::string_view payload, std::uint32_t length,
             Origin origin, StreamConsumer& consumer);
    // The peer has everything before `ack`.
    void acknowledged(std::uint32_t ack) noexcept;
    // The stream begins here (a SYN's number plus one).
    void start(std::uint32_t seq) noexcept;
    // Nothing more will come: passes on the waiting data with its gaps.
    void finish(int direction, Origin origin, StreamConsumer& consumer);

    [[nodiscard]] bool waiting() const noexcept { return !out_of_order_.empty(); }
    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    // The stream offset of `seq`; negative before the stream's beginning.
    [[nodiscard]] std::int64_t offset_of(std::uint32_t seq) const noexcept {
        return static_cast<std::int64_t>(offset_) + static_cast<std::int32_t>(seq - next_);
    }
    // True when everything before `seq` has been passed on.
    [[nodiscard]] bool reached(std::uint32_t seq) const noexcept {
        return started_ && static_cast<std::int32_t>(seq - next_) <= 0;
    }

  private:
    struct OutOfOrder {
        std::string bytes;
        std::uint32_t length = 0;
        Origin origin;
    };

    void pass(int direction, std::string_view payload, std::uint32_t length, Origin origin,
              StreamConsumer& consumer);
    void pass_waiting(int direction, StreamConsumer& consumer);
    void skip_hole(int direction, Origin origin, StreamConsumer& consumer);
    void count(std::size_t more, std::size_t less) noexcept {
        out_of_order_bytes_ += more - less;
        if (all_ != nullptr) {
            all_->now += more - less;
        }
    }
    [[nodiscard]] bool full() const noexcept {
        const bool tight = all_ != nullptr && all_->now > WaitingBytes::kMax;
        return out_of_order_bytes_ > (tight ? kWaitingBytesLeast : kWaitingBytesMax);
    }

    WaitingBytes* const all_;
    bool started_ = false;
    bool hole_acked_ = false;
    std::uint32_t next_ = 0;    // the next sequence number
    std::uint64_t offset_ = 0;  // its stream offset
    unsigned segments_after_hole_ = 0;
    std::size_t out_of_order_bytes_ = 0;
    std::map<std::uint64_t, OutOfOrder> out_of_order_;  // by stream offset
};

}  // namespace sluice::wire
