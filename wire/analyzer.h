// Analyzer: frames in, one event for each frame out. It connects the layers: link and IP,
// fragments, connections, TCP, streams, HTTP, notes.
//
// Streaming: the number of remembered connections and the bounds of the layers below limit memory,
// not the capture's size. The connection that was idle for longest is forgotten first. One thread.
// An event and everything in it is valid during the call that passes it; exchanges may be kept,
// they are shared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "wire/capture.h"
#include "wire/connection.h"
#include "wire/fragments.h"
#include "wire/http.h"
#include "wire/notes.h"
#include "wire/packet.h"
#include "wire/tcp.h"

namespace sluice::wire {

struct FrameEvent {
    const Frame* frame = nullptr;
    Decoded decoded = Decoded::not_ip;
    // The rest is only for TCP.
    const Segment* segment = nullptr;
    const Connection* connection = nullptr;
    int from = 0;  // which side sent it
    SegmentAnalysis analysis;
    EndState states[2];  // of both sides after it
    Checksum checksum = Checksum::unknown;
    std::span<const HttpEvent> http;
    std::span<const Note> notes;
    // Parts of the frame's bytes that must not be shown; only with AnalyzerOptions::find_secrets.
    std::span<const ByteRange> hidden;

    [[nodiscard]] bool from_client() const { return from == connection->client; }
};

struct Totals {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;  // on the wire
    std::uint64_t segments = 0;
    std::uint64_t connections = 0;
    std::uint64_t not_tcp = 0;  // other protocols
    std::uint64_t malformed = 0;
    std::uint64_t cut = 0;  // too little captured to be read
    std::uint64_t fragments = 0;
    std::uint64_t forgotten = 0;  // connections evicted by newer ones
    Nanos first_time = 0;
    Nanos last_time = 0;
};

class Sink {
  public:
    virtual ~Sink() = default;
    virtual void on_frame(const FrameEvent& event) = 0;
    // A connection ends here: it was forgotten, or the capture has ended. `notes` are those that
    // only its end shows; `http` holds the messages that its end cut short.
    virtual void on_connection(const Connection& connection, std::span<const HttpEvent> http,
                               std::span<const Note> notes) = 0;
    virtual void on_end(const Totals& totals, std::span<const Note> notes) = 0;
};

struct AnalyzerOptions {
    std::size_t connections_max = 64 << 10;
    std::size_t body_bytes_kept = 0;  // of each HTTP body
    bool verify_checksums = true;
    bool find_secrets = false;  // fills in FrameEvent::hidden
};

class Analyzer {
  public:
    Analyzer(const AnalyzerOptions& options, std::vector<Sink*> sinks);
    ~Analyzer();

    void feed(const Frame& frame);
    void finish();

    [[nodiscard]] const Totals& totals() const { return totals_; }

  private:
    struct Flow;
    class Table;

    void feed_segment(const Frame& frame, const Segment& segment);
    [[nodiscard]] Flow& flow_of(const Segment& segment, int* from, bool* reused);
    [[nodiscard]] static bool is_second_copy(Flow& flow, int from, const Segment& segment,
                                             Nanos time);
    void feed_streams(Flow& flow, int from, const Segment& segment, Origin origin);
    void update(Flow& flow, int from, const Segment& segment, const SegmentAnalysis& result,
                const Frame& frame);
    static void update_close(Flow& flow, int from, const Segment& segment, Mark now);
    void find_secrets(const Frame& frame, const Flow& flow, int from, const Segment& segment,
                      std::uint64_t known);
    void end_flow(Flow& flow);
    void emit(const FrameEvent& event);

    const AnalyzerOptions options_;
    std::vector<Sink*> sinks_;
    WaitingBytes waiting_;  // outlives the connections that count in it
    std::unique_ptr<Table> table_;
    Fragments fragments_;
    Notes rules_;
    std::vector<Note> notes_;
    std::vector<ByteRange> hidden_;
    Totals totals_;
};

}  // namespace sluice::wire
