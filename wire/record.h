// Record: a sink that keeps what a report needs, up to a bound, and counts the frames it left out.
#pragma once

#include <memory>
#include <vector>

#include "wire/analyzer.h"

namespace sluice::wire {

struct FrameRecord {
    std::uint64_t number = 0;
    Nanos time = 0;
    int from = 0;  // side
    std::uint16_t flags = 0;
    std::uint32_t seq = 0;  // raw
    std::uint32_t ack = 0;
    std::uint32_t length = 0;  // of the payload
    SegmentAnalysis analysis;
    EndState states[2];
    std::vector<HttpEvent> http;
    std::vector<Note> notes;
};

struct ConnectionRecord {
    Connection connection;
    std::vector<FrameRecord> frames;
    std::vector<std::shared_ptr<const HttpExchange>> exchanges;
    std::vector<Note> late_notes;

    [[nodiscard]] const FrameRecord* frame(std::uint64_t number) const noexcept;
};

class Record final : public Sink {
  public:
    static constexpr std::size_t kFramesMax = 20'000;
    static constexpr std::size_t kConnectionsMax = 2'000;
    static constexpr std::size_t kExchangesMax = 10'000;
    static constexpr std::size_t kBodyBytesMax = 64U << 20;  // of all messages together

    void on_frame(const FrameEvent& event) override;
    void on_connection(const Connection& connection, std::span<const HttpEvent> http,
                       std::span<const Note> notes) override;
    void on_end(const Totals& totals, std::span<const Note> notes) override;

    // By stream number.
    [[nodiscard]] const std::vector<ConnectionRecord>& connections() const { return connections_; }
    [[nodiscard]] const Totals& totals() const { return totals_; }
    [[nodiscard]] std::uint64_t frames_left_out() const { return left_out_; }

  private:
    [[nodiscard]] ConnectionRecord* record_of(std::uint64_t stream);
    void keep_exchanges(ConnectionRecord& record, std::span<const HttpEvent> events);

    std::vector<ConnectionRecord> connections_;
    Totals totals_;
    std::size_t frames_ = 0;
    std::size_t exchanges_ = 0;
    std::size_t body_bytes_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace sluice::wire
