#include "wire/record.h"

#include <algorithm>

namespace sluice::wire {

const FrameRecord* ConnectionRecord::frame(std::uint64_t number) const noexcept {
    const auto at = std::find_if(frames.begin(), frames.end(),
                                 [&](const FrameRecord& one) { return one.number == number; });
    return at == frames.end() ? nullptr : &*at;
}

// Streams are numbered from 0 without gaps, so the number is the index.
ConnectionRecord* Record::record_of(std::uint64_t stream) {
    if (stream >= kConnectionsMax) {
        return nullptr;
    }
    while (connections_.size() <= stream) {
        connections_.emplace_back();
    }
    return &connections_[stream];
}

void Record::keep_exchanges(ConnectionRecord& record, std::span<const HttpEvent> events) {
    auto& kept = record.exchanges;
    for (const HttpEvent& event : events) {
        if (event.exchange == nullptr) {
            continue;
        }
        const bool over = event.kind == HttpEventKind::end || event.kind == HttpEventKind::cut;
        auto at = std::find(kept.rbegin(), kept.rend(), event.exchange);
        if (at == kept.rend() && exchanges_ < kExchangesMax && event.kind != HttpEventKind::end) {
            ++exchanges_;
            kept.push_back(event.exchange);
            at = kept.rbegin();
        }
        if (over && at != kept.rend()) {
            // The body's size is only known now.
            body_bytes_ += event.message().body.size();
            if (body_bytes_ > kBodyBytesMax) {
                body_bytes_ -= event.message().body.size();
                kept.erase(std::next(at).base());
            }
        }
    }
}

void Record::on_frame(const FrameEvent& event) {
    if (event.segment == nullptr) {
        return;
    }
    ConnectionRecord* record = record_of(event.connection->stream);
    if (record == nullptr || frames_ == kFramesMax) {
        ++left_out_;
        return;
    }
    ++frames_;
    FrameRecord one;
    one.number = event.frame->number;
    one.time = event.frame->time;
    one.from = event.from;
    one.flags = event.segment->flags;
    one.seq = event.segment->seq;
    one.ack = event.segment->ack;
    one.length = event.segment->length;
    one.analysis = event.analysis;
    one.states[0] = event.states[0];
    one.states[1] = event.states[1];
    one.http.assign(event.http.begin(), event.http.end());
    one.notes.assign(event.notes.begin(), event.notes.end());
    keep_exchanges(*record, event.http);
    record->connection = *event.connection;
    record->frames.push_back(std::move(one));
}

void Record::on_connection(const Connection& connection, std::span<const HttpEvent> http,
                           std::span<const Note> notes) {
    if (ConnectionRecord* record = record_of(connection.stream)) {
        record->connection = connection;
        record->late_notes.assign(notes.begin(), notes.end());
        keep_exchanges(*record, http);
    }
}

void Record::on_end(const Totals& totals, std::span<const Note> notes) {
    (void)notes;
    totals_ = totals;
}

}  // namespace sluice::wire
