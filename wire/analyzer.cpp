#include "wire/analyzer.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <unordered_map>

namespace sluice::wire {

namespace {

// A tap that sees a frame leave and arrive captures the two copies within this time.
constexpr Nanos kCopyDistance = 10 * kMillisecond;
constexpr std::size_t kCopyMemory = 4;

// Two segments with equal signatures are copies; the checksum stands for payload and options.
struct Signature {
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint32_t length = 0;
    std::uint32_t ip_id = 0;
    std::uint16_t flags = 0;
    std::uint16_t window = 0;
    std::uint16_t checksum = 0;

    [[nodiscard]] bool operator==(const Signature&) const noexcept = default;
};

struct Seen {
    Signature signature;
    Nanos time = 0;
    bool paired = true;  // its copy has come, or the slot is unused
};

// Addresses and ports in an order that does not depend on the direction.
struct Key {
    std::array<std::uint8_t, 40> bytes{};

    [[nodiscard]] bool operator==(const Key& other) const noexcept {
        return std::memcmp(bytes.data(), other.bytes.data(), bytes.size()) == 0;
    }
};

// Not noexcept: the table then stores each hash beside its key and does not compute it again.
struct KeyHash {
    [[nodiscard]] std::size_t operator()(const Key& key) const {
        return XXH3_64bits(key.bytes.data(), key.bytes.size());
    }
};

// A fragment's bytes within its frame, without the TCP header in the first fragment.
ByteRange fragment_content(const Frame& frame, const IpPacket& packet) noexcept {
    const auto begin = static_cast<std::uint64_t>(packet.payload.data() - frame.bytes.data());
    constexpr std::size_t kLeastTcpHeader = 20;
    const std::size_t kept =
        packet.offset == 0 ? std::min(kLeastTcpHeader, packet.payload.size()) : 0;
    return {begin + kept, begin + packet.payload.size()};
}

// True when `from` comes first in the key.
bool make_key(const Segment& segment, Key& key) noexcept {
    const auto order =
        std::memcmp(segment.from.address.bytes.data(), segment.to.address.bytes.data(), 16);
    const bool first = order < 0 || (order == 0 && segment.from.port <= segment.to.port);
    const Endpoint& a = first ? segment.from : segment.to;
    const Endpoint& b = first ? segment.to : segment.from;
    std::memcpy(key.bytes.data(), a.address.bytes.data(), 16);
    std::memcpy(key.bytes.data() + 16, b.address.bytes.data(), 16);
    std::memcpy(key.bytes.data() + 32, &a.port, 2);
    std::memcpy(key.bytes.data() + 34, &b.port, 2);
    key.bytes[36] = a.address.size;
    return first;
}

}  // namespace

std::string_view to_string(Close close) noexcept {
    switch (close) {
        case Close::none: return "open";
        case Close::half: return "half";
        case Close::three: return "three_segments";
        case Close::four: return "four_segments";
        case Close::simultaneous: return "simultaneous";
        case Close::reset: return "reset";
        case Close::refused: return "refused";
    }
    return "";
}

struct Analyzer::Flow {
    explicit Flow(WaitingBytes* all) : streams{Reassembly(all), Reassembly(all)} {}

    Key key;
    Connection connection;
    TcpAnalysis tcp;
    TcpStates states;
    Reassembly streams[2];
    std::unique_ptr<HttpConversation> http;
    NoteState notes;
    Seen seen[2][kCopyMemory];
    std::uint8_t seen_next[2] = {0, 0};
    bool fin_pending[2] = {false, false};
    std::uint32_t fin_seq[2] = {0, 0};
    bool over = false;  // its streams have ended
};

// Connections by key; the one that was idle for longest is in front.
class Analyzer::Table {
  public:
    explicit Table(WaitingBytes* all) : all_(all) {}

    [[nodiscard]] Flow* find(const Key& key) {
        const auto at = by_key_.find(key);
        if (at == by_key_.end()) {
            return nullptr;
        }
        if (std::next(at->second) != flows_.end()) {
            flows_.splice(flows_.end(), flows_, at->second);
        }
        return &*at->second;
    }

    Flow& insert(const Key& key) {
        flows_.emplace_back(all_);
        flows_.back().key = key;
        by_key_[key] = std::prev(flows_.end());
        return flows_.back();
    }

    void erase(Flow& flow) {
        const auto at = by_key_.find(flow.key);
        const auto node = at->second;
        by_key_.erase(at);
        flows_.erase(node);
    }

    [[nodiscard]] Flow& oldest() { return flows_.front(); }
    [[nodiscard]] std::size_t size() const { return flows_.size(); }
    [[nodiscard]] std::list<Flow>& flows() { return flows_; }

  private:
    WaitingBytes* const all_;
    std::list<Flow> flows_;
    std::unordered_map<Key, std::list<Flow>::iterator, KeyHash> by_key_;
};

Analyzer::Analyzer(const AnalyzerOptions& options, std::vector<Sink*> sinks)
    : options_(options), sinks_(std::move(sinks)), table_(std::make_unique<Table>(&waiting_)) {}

Analyzer::~Analyzer() = default;

void Analyzer::emit(const FrameEvent& event) {
    for (Sink* sink : sinks_) {
        sink->on_frame(event);
    }
}

void Analyzer::feed(const Frame& frame) {
    totals_.first_time = totals_.frames == 0 ? frame.time : totals_.first_time;
    totals_.last_time = frame.time;
    ++totals_.frames;
    totals_.bytes += frame.length;
    IpPacket packet;
    Decoded decoded = decode_ip(frame, packet);
    hidden_.clear();
    if (decoded == Decoded::ok && packet.fragment) {
        ++totals_.fragments;
        if (options_.find_secrets) {
            hidden_.push_back(fragment_content(frame, packet));
        }
        decoded = fragments_.add(packet) ? Decoded::ok : Decoded::not_tcp;
    }
    Segment segment;
    if (decoded == Decoded::ok) {
        decoded = decode_tcp(packet, segment);
    }
    if (decoded == Decoded::ok) {
        feed_segment(frame, segment);
        return;
    }
    totals_.malformed += decoded == Decoded::malformed ? 1U : 0U;
    totals_.cut += decoded == Decoded::cut ? 1U : 0U;
    totals_.not_tcp += decoded == Decoded::not_ip || decoded == Decoded::not_tcp ? 1U : 0U;
    FrameEvent event;
    event.frame = &frame;
    event.decoded = decoded;
    event.hidden = hidden_;
    emit(event);
}

// Fills hidden_, by offsets in the frame. Fragments were hidden before: their content is not known
// until the last one comes. Bytes before the stream offset `known` are hidden too, because they may
// differ from those that were read there.
void Analyzer::find_secrets(const Frame& frame, const Flow& flow, int from, const Segment& segment,
                            std::uint64_t known) {
    if (!options_.find_secrets || segment.payload.empty() || !hidden_.empty()) {
        return;
    }
    const auto at = static_cast<std::uint64_t>(segment.payload.data() - frame.bytes.data());
    const std::uint64_t size = segment.payload.size();
    if (flow.http == nullptr || !flow.streams[from].started()) {
        hidden_.push_back({at, at + size});
        return;
    }
    const std::uint32_t seq = segment.seq + (segment.has(flag::syn) ? 1 : 0);
    const std::int64_t offset = flow.streams[from].offset_of(seq);
    const auto first = static_cast<std::int64_t>(known);
    const std::uint64_t before =
        offset < first ? std::min(static_cast<std::uint64_t>(first - offset), size) : 0;
    if (before > 0) {
        hidden_.push_back({at, at + before});
    }
    const std::size_t count = hidden_.size();
    const auto begin = static_cast<std::uint64_t>(std::max(offset, first));
    flow.http->collect_secrets(from, segment.payload.substr(before), begin, hidden_);
    for (std::size_t i = count; i < hidden_.size(); ++i) {
        hidden_[i].begin += at + before - begin;
        hidden_[i].end += at + before - begin;
    }
}

// The segment's connection, and which side sent it. An end keeps its initial sequence number while
// the connection lives (RFC 9293 section 3.4.1). So a SYN with another number, with or without ACK,
// begins a new connection between the same two ports.
Analyzer::Flow& Analyzer::flow_of(const Segment& segment, int* from, bool* reused) {
    Key key;
    (void)make_key(segment, key);
    Flow* flow = table_->find(key);
    *reused = false;
    if (flow != nullptr) {
        *from = flow->connection.sides[0].endpoint == segment.from ? 0 : 1;
        const TcpHalf& half = flow->tcp.half(*from);
        if (segment.has(flag::syn) && half.isn_known && half.isn != segment.seq) {
            *reused = true;
            end_flow(*flow);
            table_->erase(*flow);
            flow = nullptr;
        }
    }
    if (flow == nullptr) {
        if (table_->size() >= options_.connections_max) {
            ++totals_.forgotten;
            end_flow(table_->oldest());
            table_->erase(table_->oldest());
        }
        flow = &table_->insert(key);
        *from = 0;
        Connection& connection = flow->connection;
        connection.stream = totals_.connections++;
        connection.sides[0].endpoint = segment.from;
        connection.sides[1].endpoint = segment.to;
        connection.ports_reused = *reused;
        if (segment.has(flag::syn)) {
            connection.client = segment.has(flag::ack) ? 1 : 0;
            connection.client_seen = true;
        } else {
            connection.client = segment.from.port >= segment.to.port ? 0 : 1;
        }
    }
    return *flow;
}

bool Analyzer::is_second_copy(Flow& flow, int from, const Segment& segment, Nanos time) {
    if (!segment.from.address.is_loopback() || !segment.to.address.is_loopback()) {
        return false;
    }
    const Signature signature{segment.seq,   segment.ack,    segment.length,  segment.ip_id,
                              segment.flags, segment.window, segment.checksum};
    for (Seen& seen : flow.seen[from]) {
        if (!seen.paired && seen.signature == signature && time - seen.time <= kCopyDistance) {
            seen.paired = true;
            return true;
        }
    }
    flow.seen[from][flow.seen_next[from]] = {signature, time, false};
    flow.seen_next[from] = static_cast<std::uint8_t>((flow.seen_next[from] + 1U) % kCopyMemory);
    return false;
}

void Analyzer::feed_streams(Flow& flow, int from, const Segment& segment, Origin origin) {
    if (flow.over) {
        return;
    }
    if (flow.http == nullptr && segment.length > 0 && !segment.has(flag::rst)) {
        flow.http = std::make_unique<HttpConversation>(options_.body_bytes_kept);
    }
    const std::uint32_t data_seq = segment.seq + (segment.has(flag::syn) ? 1 : 0);
    if (segment.has(flag::syn)) {
        flow.streams[from].start(data_seq);
    }
    if (segment.has(flag::ack)) {
        flow.streams[1 - from].acknowledged(segment.ack);
    }
    if (flow.http != nullptr && !segment.has(flag::rst)) {
        flow.streams[from].add(from, data_seq, segment.payload, segment.length, origin, *flow.http);
    }
    if (segment.has(flag::fin) && !flow.fin_pending[from]) {
        flow.fin_pending[from] = true;
        flow.fin_seq[from] = data_seq + segment.length;
    }
    if (flow.http == nullptr) {
        return;
    }
    if (segment.has(flag::rst)) {
        flow.over = true;
        for (const int direction : {0, 1}) {
            flow.streams[direction].finish(direction, origin, *flow.http);
            flow.http->on_end(direction, origin, true);
        }
        return;
    }
    if (flow.fin_pending[from] && flow.streams[from].reached(flow.fin_seq[from])) {
        flow.http->on_end(from, origin, false);
    }
}

void Analyzer::update_close(Flow& flow, int from, const Segment& segment, Mark now) {
    Connection& connection = flow.connection;
    Side& sender = connection.sides[from];
    Side& receiver = connection.sides[1 - from];
    if (segment.has(flag::rst)) {
        const bool refused = receiver.syn && !sender.syn && connection.close == Close::none &&
                             receiver.payload_bytes == 0 && !connection.handshake_ack;
        const bool closed = sender.fin_acked && receiver.fin_acked;
        if (!sender.rst && !receiver.rst && !closed) {
            connection.close = refused ? Close::refused : Close::reset;
            if (!receiver.fin && !sender.fin) {
                connection.close_starter = from;
            }
        }
        sender.rst = sender.rst ? sender.rst : now;
        return;
    }
    const bool first_fin = segment.has(flag::fin) && !sender.fin;
    const bool acks_fin = flow.states.fin(1 - from).acked && !receiver.fin_acked;
    if (acks_fin) {
        receiver.fin_acked = now;
    }
    if (first_fin) {
        sender.fin = now;
        if (!receiver.fin) {
            connection.close_starter = from;
            connection.close = Close::half;
        } else if (!receiver.fin_acked) {
            connection.close = Close::simultaneous;
        } else if (receiver.fin_acked.frame == now.frame) {
            connection.close = Close::three;
        } else {
            connection.close = Close::four;
        }
    }
}

void Analyzer::update(Flow& flow, int from, const Segment& segment, const SegmentAnalysis& result,
                      const Frame& frame) {
    Connection& connection = flow.connection;
    Side& sender = connection.sides[from];
    const Side& receiver = connection.sides[1 - from];
    const Mark now{frame.number, frame.time};
    if (segment.has(flag::syn) && !sender.syn) {
        sender.syn = now;
        sender.syn_options = segment.options;
        sender.isn = segment.seq;
        sender.isn_seen = true;
    }
    if (!connection.handshake_ack && sender.syn && receiver.syn && !segment.has(flag::syn) &&
        segment.has(flag::ack) && segment.ack == receiver.isn + 1 && from == connection.client) {
        connection.handshake_ack = now;
    }
    connection.handshake_time = flow.tcp.handshake_time();
    sender.resent += (result.bits & analysis::resent) != 0 ? 1U : 0U;
    sender.payload_bytes += segment.length;
    if (segment.length > 0) {
        sender.first_data = sender.first_data ? sender.first_data : now;
        sender.last_data = now;
    }
    update_close(flow, from, segment, now);
    for (const int side : {0, 1}) {
        connection.sides[side].state = flow.states.end(side);
    }
    if (flow.http != nullptr && flow.http->is_http()) {
        connection.http = true;
        if (!connection.client_seen) {
            connection.client = flow.http->request_direction();
        }
    }
}

void Analyzer::feed_segment(const Frame& frame, const Segment& segment) {
    ++totals_.segments;
    int from = 0;
    bool reused = false;
    Flow& flow = flow_of(segment, &from, &reused);
    Connection& connection = flow.connection;
    const Mark now{frame.number, frame.time};
    connection.first = connection.first ? connection.first : now;
    connection.last = now;
    ++connection.sides[from].segments;
    FrameEvent event;
    event.frame = &frame;
    event.decoded = Decoded::ok;
    event.segment = &segment;
    event.connection = &connection;
    event.from = from;
    if (flow.http != nullptr) {
        flow.http->events().clear();
    }
    std::uint64_t known = flow.streams[from].offset();
    if (is_second_copy(flow, from, segment, frame.time)) {
        known = 0;  // the same bytes as the first copy
        ++connection.second_copies;
        const TcpHalf& half = flow.tcp.half(from);
        event.analysis.bits = analysis::second_copy;
        event.analysis.relative_seq = segment.seq - half.isn;
        event.analysis.relative_ack =
            segment.has(flag::ack) ? segment.ack - flow.tcp.half(1 - from).isn : 0;
        event.analysis.window = half.scaled(segment.window, segment.has(flag::syn));
    } else {
        event.analysis = flow.tcp.see(from, segment, frame.time, frame.number);
        event.analysis.bits |= reused ? analysis::ports_reused : 0;
        flow.states.see(from, segment);
        feed_streams(flow, from, segment, {frame.number, frame.time});
        update(flow, from, segment, event.analysis, frame);
    }
    find_secrets(frame, flow, from, segment, known);
    event.hidden = hidden_;
    event.states[0] = flow.states.end(0);
    event.states[1] = flow.states.end(1);
    event.checksum = options_.verify_checksums ? verify_checksum(segment) : Checksum::unknown;
    if (flow.http != nullptr) {
        event.http = flow.http->events();
        for (const HttpEvent& one : event.http) {
            connection.exchanges += one.kind == HttpEventKind::head && one.request ? 1U : 0U;
        }
    }
    notes_.clear();
    rules_.see(event, flow.notes, notes_);
    event.notes = notes_;
    emit(event);
}

void Analyzer::end_flow(Flow& flow) {
    const Origin origin{flow.connection.last.frame, flow.connection.last.time};
    std::span<const HttpEvent> events;
    if (flow.http != nullptr) {
        flow.http->events().clear();
        if (!flow.over) {
            for (const int direction : {0, 1}) {
                flow.streams[direction].finish(direction, origin, *flow.http);
                flow.http->on_end(direction, origin, true);
            }
        }
        events = flow.http->events();
    }
    notes_.clear();
    rules_.end_connection(flow.connection, notes_);
    for (Sink* sink : sinks_) {
        sink->on_connection(flow.connection, events, notes_);
    }
}

void Analyzer::finish() {
    std::vector<Flow*> flows;
    for (Flow& flow : table_->flows()) {
        flows.push_back(&flow);
    }
    std::sort(flows.begin(), flows.end(), [](const Flow* a, const Flow* b) {
        return a->connection.stream < b->connection.stream;
    });
    for (Flow* flow : flows) {
        end_flow(*flow);
    }
    table_ = std::make_unique<Table>(&waiting_);
    notes_.clear();
    rules_.end_capture(totals_.segments, notes_);
    for (Sink* sink : sinks_) {
        sink->on_end(totals_, notes_);
    }
}

}  // namespace sluice::wire
