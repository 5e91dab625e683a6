// Whole conversations over a bad network: handshakes, requests and responses in segments that are
// lost, late, doubled, overlapping or cut by the capture, windows that close, FIN and RST anywhere,
// ports that are used again. Every output (wire_outputs.h) explains all of it, and none shows the
// credentials that the requests carry.
//
// Input: two bytes that choose link, addresses, the SYN's options and the reports, then operations:
// a byte that chooses what happens, on which connection and from which side, and its arguments. See
// Network::step.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "lab/reconstruction.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/wire_outputs.h"
#include "tests/wire/build.h"

namespace {

using namespace sluice;
using namespace sluice::wire;
using fuzz::Input;
using fuzz::WireOutputs;

constexpr std::size_t kStepsMax = 80;
constexpr std::size_t kConnections = 3;
constexpr std::uint32_t kSnapBytes = 4'000;
constexpr std::string_view kSecret = "VGhpc0lzU2VjcmV0OjQy";

constexpr std::array<std::string_view, 16> kRequests = {
    "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: t\r\n\r\n",
    "GET /logo.png HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /favicon.ico HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"v\"\r\n\r\n",
    "GET / HTTP/1.1\r\nIf-Modified-Since: x\r\nAuthorization: Basic VGhpc0lzU2VjcmV0OjQy\r\n\r\n",
    "GET /a HTTP/1.1\r\nCookie: id=VGhpc0lzU2VjcmV0OjQy\r\nAccept: `\xe4\xb8\xad<script>\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "PUT /x HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n",
    "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n",
    "BREW / HTTP/3.0\r\n\r\n",
    "GET / HTTP/1.1\r\nno colon\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\n\r\n",
    "GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
};
constexpr std::array<std::string_view, 16> kResponses = {
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nServer: s\r\nContent-Length: 62\r\n\r\n"
    "<td>姓名</td><td>x</td><img src=\"logo.png\"><script>1</script>",
    "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 8\r\n\r\n\x89PNG\r\n\x1a\n",
    "HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\n\r\n",
    "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n",
    "HTTP/1.1 301 Moved Permanently\r\nLocation: /a/\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",  // to a HEAD, or cut short
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.1 401 Unauthorized\r\nSet-Cookie: VGhpc0lzU2VjcmV0OjQy\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nnonsense",
    "SSH-2.0-x\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x81\x02hi",
};
// From this index on, in both lists, all later bytes are content, whatever they look like.
constexpr std::size_t kFirstEndless = 14;

constexpr std::array<std::string_view, 6> kSynOptions = {
    "",
    std::string_view("\x02\x04\x05\xb4", 4),
    std::string_view("\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02", 10),
    std::string_view("\x02\x04\xff\xd7\x04\x02\x08\x0a\0\0\0\1\0\0\0\0\x01\x03\x03\x0e", 20),
    std::string_view("\x02\x04\0\x05", 4),
    std::string_view("\x02\x0b\x05\xb4\x03\x03\xff", 7),
};
constexpr std::array<std::string_view, 8> kCards = {"page",  "304",        "http10",  "reset",
                                                    "other", "half_close", "301_own", "408"};

// One connection, as both its ends see it.
struct Talk {
    std::uint16_t port = 40'000;
    std::uint32_t next[2] = {0xffff'ff00U, 5'000};  // of the client, of the server; they wrap
    std::uint32_t acked[2] = {0, 0};                // what each has acknowledged
    std::vector<ProgramBytes> talk;
};

class Network {
  public:
    explicit Network(Input& input) : input_(input) {
        const std::uint8_t how = input.byte();
        loopback_ = (how & 1) != 0;
        ethernet_ = (how & 2) != 0;
        syn_options_ = kSynOptions[how / 4U % kSynOptions.size()];
        const std::uint8_t what = input.byte();
        report_.lab = (what & 1) != 0;
        report_.browser = (what & 2) != 0;
        report_.server_command = (what & 4) != 0 ? "sluice serve `site`" : "";
        for (std::size_t i = 0; i < kConnections; ++i) {
            talks_[i].port = static_cast<std::uint16_t>(40'000 + i);
            if (report_.lab) {
                report_.scenarios.push_back(
                    {std::string(kCards[(what / 8U + i) % kCards.size()]), talks_[i].port});
            }
        }
        report_.language = (how & 128) != 0 ? Language::zh : Language::en;
        outputs_.emplace(report_.language, ethernet_ ? 1 : 101, kSnapBytes);
    }

    void run() {
        for (std::size_t count = 0; !input_.empty() && count < kStepsMax; ++count) {
            const std::uint8_t what = input_.byte();
            step(what % 32, talks_[what / 32U % kConnections], what < 128);
        }
        release();
        outputs_->finish(report_);
        reconstruct();
        CHECK(!plain_ || !outputs_->show(kSecret));
    }

  private:
    void step(unsigned what, Talk& talk, bool client) {
        switch (what) {
            case 0: return open(talk);
            case 1: return data(talk, true, choose(kRequests));
            case 2: return data(talk, false, choose(kResponses));
            case 3:
                data(talk, true, choose(kRequests));
                acknowledge(talk, false);
                data(talk, false, choose(kResponses));
                return acknowledge(talk, true);
            case 4: plain_ = false; return data(talk, client, input_.bytes(input_.byte()));
            case 5: return acknowledge(talk, client);
            case 6: return control(talk, client, flag::fin | flag::ack, 1);
            case 7: return control(talk, client, flag::rst | flag::ack, 0);
            case 8: return control(talk, client, flag::rst, 0);
            case 9: return control(talk, client, flag::syn, 1);
            case 10: return control(talk, client, flag::syn | flag::ack, 1);
            case 11: talk.next[client ? 0 : 1] += input_.word(); return;  // never captured
            case 12: talk.port = static_cast<std::uint16_t>(40'000 + input_.byte() % 5); return;
            case 13: lose_ = true; return;
            case 14: hold_ = true; return;
            case 15: return release();
            case 16: return emit(last_);
            case 17: return resend(talk, client);
            case 18: segment_bytes_ = 1 + input_.byte(); return;
            case 19: window_ = static_cast<std::uint16_t>(input_.word()); return;
            case 20: return probe(talk, client);
            case 21: time_ += input_.byte() * 7 * kMillisecond; return;
            case 22: time_ += (input_.byte() - 128) * kSecond; return;
            case 23: snap_ = 20 + input_.byte(); return;
            case 24: checksum_good_ = !checksum_good_; return;
            case 25: more_flags_ = static_cast<std::uint16_t>(input_.byte() & 0xe9); return;
            case 26: return fragments(talk, client);
            case 27: talk.acked[client ? 0 : 1] += input_.word() - 0x8000; return;
            case 28: step_ = input_.byte() * 50 * kMicrosecond; return;
            case 29:
                data(talk, client, client ? kRequests[4] : kResponses[0]);
                return control(talk, client, flag::fin | flag::ack, 1);
            case 30:
                control(talk, true, flag::fin | flag::ack, 1);
                control(talk, false, flag::fin | flag::ack, 1);
                acknowledge(talk, true);
                return acknowledge(talk, false);
            default: plain_ = false; return emit(std::string(input_.bytes(input_.byte())));
        }
    }

    std::string_view choose(const std::array<std::string_view, 16>& list) {
        const std::size_t which = input_.byte() % list.size();
        plain_ = plain_ && which < kFirstEndless;
        return list[which];
    }

    void open(Talk& talk) {
        control(talk, true, flag::syn, 1);
        control(talk, false, flag::syn | flag::ack, 1);
        acknowledge(talk, true);
    }
    build::Tcp segment(const Talk& talk, bool client, std::uint16_t flags) const {
        build::Tcp tcp;
        tcp.from_client = client;
        tcp.flags = static_cast<std::uint16_t>(flags | more_flags_);
        tcp.seq = talk.next[client ? 0 : 1];
        tcp.ack = (flags & flag::ack) != 0 ? talk.acked[client ? 0 : 1] : 0;
        tcp.window = window_;
        tcp.client_port = talk.port;
        tcp.loopback = loopback_;
        tcp.good_checksum = checksum_good_;
        if ((flags & flag::syn) != 0) {
            tcp.options = syn_options_;
        }
        return tcp;
    }
    void transmit(build::Tcp tcp) {
        tcp.ip_id = ++ip_id_;
        emit(build::packet(tcp));
    }
    void acknowledge(Talk& talk, bool client) {
        talk.acked[client ? 0 : 1] = talk.next[client ? 1 : 0];
        transmit(segment(talk, client, flag::ack));
    }
    void control(Talk& talk, bool client, std::uint16_t flags, std::uint32_t takes) {
        if ((flags & flag::ack) != 0) {
            talk.acked[client ? 0 : 1] = talk.next[client ? 1 : 0];
        }
        transmit(segment(talk, client, flags));
        talk.next[client ? 0 : 1] += takes;
    }
    void data(Talk& talk, bool client, std::string_view bytes) {
        talk.talk.push_back({client, time_, std::string(bytes)});
        while (!bytes.empty()) {
            build::Tcp tcp = segment(talk, client, flag::ack | flag::psh);
            tcp.payload = bytes.substr(0, segment_bytes_);
            bytes.remove_prefix(tcp.payload.size());
            sent_[client ? 0 : 1] = tcp;
            talk.next[client ? 0 : 1] += static_cast<std::uint32_t>(tcp.payload.size());
            transmit(std::move(tcp));
        }
    }
    // The side's last data once more, whole or from the middle on.
    void resend(Talk& talk, bool client) {
        build::Tcp tcp = sent_[client ? 0 : 1];
        const std::size_t skip = std::min<std::size_t>(input_.byte(), tcp.payload.size());
        tcp.payload.erase(0, skip);
        tcp.seq += static_cast<std::uint32_t>(skip);
        tcp.ack = talk.acked[client ? 0 : 1];
        transmit(std::move(tcp));
    }
    // A keep-alive, or a probe of a closed window: one byte that was sent already.
    void probe(Talk& talk, bool client) {
        build::Tcp tcp = segment(talk, client, flag::ack);
        tcp.seq -= 1;
        tcp.payload.assign(input_.byte() % 2U, '\0');
        transmit(std::move(tcp));
    }
    // One segment in two packets.
    void fragments(Talk& talk, bool client) {
        build::Tcp tcp = segment(talk, client, flag::ack | flag::psh);
        tcp.payload = client ? kRequests[4] : kResponses[3];
        talk.next[client ? 0 : 1] += static_cast<std::uint32_t>(tcp.payload.size());
        const std::string whole = build::tcp_bytes(tcp);
        const std::size_t units = 1 + input_.byte() % ((whole.size() - 1) / 8);
        ++ip_id_;
        emit(build::ipv4(std::string_view(whole).substr(0, units * 8), client, loopback_, ip_id_,
                         0x2000));
        emit(build::ipv4(std::string_view(whole).substr(units * 8), client, loopback_, ip_id_,
                         static_cast<std::uint32_t>(units)));
    }

    // To the tap, unless the network has other plans.
    void emit(const std::string& packet) {
        last_ = packet;
        if (lose_) {
            lose_ = false;
        } else if (hold_) {
            hold_ = false;
            held_.push_back(packet);
        } else {
            capture(packet);
        }
    }
    void release() {
        for (const std::string& packet : std::exchange(held_, {})) {
            capture(packet);
        }
    }
    void capture(std::string_view packet) {
        std::string bytes = ethernet_ ? std::string(12, '\x02') + std::string("\x08\0", 2) : "";
        bytes += packet;
        Frame frame;
        frame.number = ++frames_;
        time_ += step_;
        frame.time = time_;
        frame.length = static_cast<std::uint32_t>(bytes.size());
        frame.link = ethernet_ ? Link::ethernet : Link::raw;
        frame.bytes = std::string_view(bytes).substr(0, snap_);
        outputs_->feed(frame);
    }

    void reconstruct() {
        Reconstruction facts;
        facts.why = "fuzz";
        facts.saved_syn = last_;
        facts.steps.push_back({.when = KernelStep::When::page,
                               .client_state = "ESTABLISHED",
                               .server_state = {},
                               .segments_out = input_.byte()});
        for (const Talk& talk : talks_) {
            facts.scenarios.push_back({talk.port % 2 == 0 ? "page" : "304", talk.talk});
        }
        outputs_->take_html(write_reconstruction(*make_html(report_.language), facts, report_));
        outputs_->take_markdown(write_reconstruction(*make_markdown(), facts, report_));
    }

    Input& input_;
    std::array<Talk, kConnections> talks_;
    build::Tcp sent_[2];
    std::optional<WireOutputs> outputs_;
    ReportOptions report_;
    std::string syn_options_;
    bool loopback_ = false;
    bool ethernet_ = false;
    bool checksum_good_ = true;
    bool plain_ = true;  // nothing but our own messages, all of which end
    bool lose_ = false;
    bool hold_ = false;
    std::vector<std::string> held_;
    std::string last_;
    std::size_t segment_bytes_ = 256;
    std::size_t snap_ = kSnapBytes;
    std::uint16_t window_ = 1'000;
    std::uint16_t more_flags_ = 0;
    std::uint32_t ip_id_ = 0;
    std::uint64_t frames_ = 0;
    Nanos time_ = 1'790'000'000 * kSecond;
    Nanos step_ = 100 * kMicrosecond;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    Network(input).run();
    return 0;
}
