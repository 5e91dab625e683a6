// Frames built by hand for the tests, and a sink that records the events.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/analyzer.h"

namespace sluice::wire::build {

inline void put16(std::string& out, std::uint32_t value) {
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value));
}

inline void put32(std::string& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value);
}

struct Tcp {
    bool from_client = true;
    std::uint16_t flags = flag::ack;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::string payload;
    std::uint16_t window = 1000;
    std::string options;
    std::uint16_t client_port = 40000;
    std::uint16_t server_port = 80;
    std::uint32_t ip_id = 0;
    bool loopback = true;
    bool good_checksum = true;
};

// A frame of a capture without a link layer; `bytes` must outlive it.
inline Frame raw_frame(std::uint64_t number, Nanos time, std::string_view bytes) {
    Frame frame;
    frame.number = number;
    frame.time = time;
    frame.length = static_cast<std::uint32_t>(bytes.size());
    frame.link = Link::raw;
    frame.bytes = bytes;
    return frame;
}

inline std::string tcp_bytes(const Tcp& tcp) {
    std::string out;
    put16(out, tcp.from_client ? tcp.client_port : tcp.server_port);
    put16(out, tcp.from_client ? tcp.server_port : tcp.client_port);
    put32(out, tcp.seq);
    put32(out, tcp.ack);
    const std::size_t header = 20 + (tcp.options.size() + 3) / 4 * 4;
    put16(out, static_cast<std::uint32_t>(header / 4 << 12) | tcp.flags);
    put16(out, tcp.window);
    put32(out, 0);
    out += tcp.options;
    out.resize(header, '\1');
    return out + tcp.payload;
}

inline std::string ipv4(std::string_view payload, bool from_client, bool loopback,
                        std::uint32_t id = 0, std::uint32_t fragment = 0,
                        std::uint8_t protocol = 6) {
    std::string out("\x45\0", 2);
    put16(out, static_cast<std::uint32_t>(20 + payload.size()));
    put16(out, id);
    put16(out, fragment);
    out.push_back(64);
    out.push_back(static_cast<char>(protocol));
    put16(out, 0);
    const std::string net = loopback ? std::string("\x7f\0\0", 3) : std::string("\xc0\0\2", 3);
    const std::string a = net + '\1';
    const std::string b = loopback ? a : net + '\2';
    out += from_client ? a : b;
    out += from_client ? b : a;
    return out += payload;
}

inline std::string ipv6(std::string_view payload, bool from_client, std::uint8_t next = 6) {
    std::string out("\x60\0\0\0", 4);
    put16(out, static_cast<std::uint32_t>(payload.size()));
    out.push_back(static_cast<char>(next));
    out.push_back(64);
    const std::string a = std::string("\x20\1\x0d\xb8", 4) + std::string(11, '\0') + '\1';
    const std::string b = std::string("\x20\1\x0d\xb8", 4) + std::string(11, '\0') + '\2';
    out += from_client ? a : b;
    out += from_client ? b : a;
    return out += payload;
}

// Writes the checksum into the TCP header in the packet's payload.
inline void fill_checksum(std::string& packet) {
    const std::size_t at = 20;
    std::string pseudo = packet.substr(12, 8);
    put16(pseudo, 6);
    put16(pseudo, static_cast<std::uint32_t>(packet.size() - at));
    pseudo += packet.substr(at);
    pseudo.resize((pseudo.size() + 1) / 2 * 2, '\0');
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < pseudo.size(); i += 2) {
        sum += static_cast<std::uint32_t>(static_cast<std::uint8_t>(pseudo[i]) << 8 |
                                          static_cast<std::uint8_t>(pseudo[i + 1]));
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    packet[at + 16] = static_cast<char>(~sum >> 8);
    packet[at + 17] = static_cast<char>(~sum);
}

inline std::string packet(const Tcp& tcp) {
    std::string out = ipv4(tcp_bytes(tcp), tcp.from_client, tcp.loopback, tcp.ip_id, 0x4000);
    if (tcp.good_checksum) {
        fill_checksum(out);
    }
    return out;
}

struct Remembered {
    std::uint64_t frame = 0;
    Decoded decoded = Decoded::ok;
    bool from_client = false;
    std::uint64_t stream = 0;
    SegmentAnalysis analysis;
    EndState client;
    EndState server;
    std::vector<HttpEvent> http;
    std::vector<Note> notes;
};

struct Recorder final : Sink {
    void on_frame(const FrameEvent& event) override {
        Remembered one;
        one.frame = event.frame->number;
        one.decoded = event.decoded;
        if (event.segment != nullptr) {
            one.from_client = event.from_client();
            one.stream = event.connection->stream;
            one.analysis = event.analysis;
            one.client = event.states[event.connection->client];
            one.server = event.states[1 - event.connection->client];
            one.http.assign(event.http.begin(), event.http.end());
            one.notes.assign(event.notes.begin(), event.notes.end());
        }
        frames.push_back(std::move(one));
    }
    void on_connection(const Connection& connection, std::span<const HttpEvent> http,
                       std::span<const Note> notes) override {
        connections.push_back(connection);
        late_http.insert(late_http.end(), http.begin(), http.end());
        late_notes.insert(late_notes.end(), notes.begin(), notes.end());
    }
    void on_end(const Totals& all, std::span<const Note> notes) override {
        totals = all;
        late_notes.insert(late_notes.end(), notes.begin(), notes.end());
    }

    // Every note, in order.
    [[nodiscard]] std::vector<Note> notes() const {
        std::vector<Note> all;
        for (const Remembered& frame : frames) {
            all.insert(all.end(), frame.notes.begin(), frame.notes.end());
        }
        all.insert(all.end(), late_notes.begin(), late_notes.end());
        return all;
    }
    [[nodiscard]] const Note* note(Rule rule) const {
        static std::vector<Note> all;
        all = notes();
        for (const Note& note : all) {
            if (note.rule == rule) {
                return &note;
            }
        }
        return nullptr;
    }

    std::vector<Remembered> frames;
    std::vector<Connection> connections;
    std::vector<HttpEvent> late_http;
    std::vector<Note> late_notes;
    Totals totals;
};

// A conversation of one client and one server: tracks the sequence numbers, feeds an analyzer.
class Conversation {
  public:
    explicit Conversation(AnalyzerOptions options = {})
        : analyzer_(with_bodies(options), {&recorder_}) {}

    Conversation& raw(std::string_view bytes, Link link = Link::raw, std::uint32_t length = 0) {
        Frame frame;
        frame.number = ++frames_;
        time_ += step;
        frame.time = time_;
        frame.length = length != 0 ? length : static_cast<std::uint32_t>(bytes.size());
        frame.link = link;
        frame.bytes = bytes;
        analyzer_.feed(frame);
        return *this;
    }
    Conversation& send(Tcp tcp) {
        tcp.client_port = client_port;
        tcp.loopback = loopback;
        tcp.ip_id = ++ip_id_;
        last_ = packet(tcp);
        return raw(last_);
    }
    Conversation& again() { return raw(last_); }  // the same bytes once more
    Conversation& wait(Nanos time) {
        time_ += time;
        return *this;
    }
    Conversation& open() {
        send({.from_client = true, .flags = flag::syn, .seq = client, .options = syn_options});
        send({.from_client = false,
              .flags = flag::syn | flag::ack,
              .seq = server,
              .ack = client + 1,
              .options = syn_options});
        ++client;
        ++server;
        return ack(true);
    }
    Conversation& ack(bool from_client) {
        return send({.from_client = from_client,
                     .seq = from_client ? client : server,
                     .ack = from_client ? server : client});
    }
    Conversation& data(bool from_client, const std::string& bytes, std::uint16_t more = 0) {
        send({.from_client = from_client,
              .flags = static_cast<std::uint16_t>(flag::ack | flag::psh | more),
              .seq = from_client ? client : server,
              .ack = from_client ? server : client,
              .payload = bytes});
        (from_client ? client : server) +=
            static_cast<std::uint32_t>(bytes.size()) + ((more & flag::fin) != 0 ? 1 : 0);
        return *this;
    }
    Conversation& fin(bool from_client) { return data(from_client, "", flag::fin); }
    Conversation& rst(bool from_client) {
        return send({.from_client = from_client,
                     .flags = flag::rst | flag::ack,
                     .seq = from_client ? client : server,
                     .ack = from_client ? server : client});
    }
    Conversation& exchange(const std::string& request, const std::string& response) {
        return data(true, request).ack(false).data(false, response).ack(true);
    }
    Recorder& finish() {
        analyzer_.finish();
        return recorder_;
    }
    Recorder& recorder() { return recorder_; }

    std::uint32_t client = 1000;
    std::uint32_t server = 5000;
    std::uint16_t client_port = 40000;
    bool loopback = false;
    Nanos step = 100 * kMicrosecond;
    std::string syn_options;

  private:
    static AnalyzerOptions with_bodies(AnalyzerOptions options) {
        options.body_bytes_kept = 1 << 20;
        return options;
    }

    Recorder recorder_;
    Analyzer analyzer_;
    std::uint64_t frames_ = 0;
    Nanos time_ = kSecond;
    std::uint32_t ip_id_ = 0;
    std::string last_;
};

}  // namespace sluice::wire::build
