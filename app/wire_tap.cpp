#include "app/wire_tap.h"

#include <fmt/format.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "wire/capture.h"
#include "wire/packet.h"

namespace sluice {

namespace {

// Enough for all headers. The shorter the frames, the more of them fit into the kernel's ring.
constexpr int kSnapBytes = 192;
constexpr std::size_t kSegmentsMax = 1'000'000;  // about 24 MB

// pcap-filter(7) can name the bytes of a TCP header over IPv4 only.
std::string filter_of(const Endpoint& server, std::uint16_t mask) {
    const bool six = server.family == Family::ipv6;
    const char* header = six ? "ip6" : "tcp";
    const int at = six ? 40 : 0;
    return fmt::format(
        "{0} and ((dst port {1} and {2}[{3}:2] & {5} = 0) or (src port {1} and {2}[{4}:2] & {5} = "
        "0))",
        six ? "ip6 and tcp" : "tcp", server.port, header, at, at + 2, mask);
}

class CaptureTap final : public load::WireTap {
  public:
    CaptureTap(wire::Capture capture, std::uint16_t server_port)
        : capture_(std::move(capture)), server_port_(server_port) {
        segments_.reserve(kSegmentsMax / 16);
    }
    ~CaptureTap() override { (void)stop(); }

    void start() override {
        stopping_.store(false);
        thread_ = std::thread([this] { run(); });
    }
    std::vector<load::WireSegment> stop() override {
        stopping_.store(true);
        if (thread_.joinable()) {
            thread_.join();
        }
        return std::exchange(segments_, {});
    }

  private:
    void run() {
        while (!capture_.ended()) {
            const wire::Frame* frame = capture_.next();
            if (frame != nullptr) {
                take(*frame);
            } else if (stopping_.load()) {
                return;  // and no frames are left
            }
        }
    }
    void take(const wire::Frame& frame) {
        wire::IpPacket packet;
        wire::Segment segment;
        if (segments_.size() >= kSegmentsMax ||
            wire::decode_ip(frame, packet) != wire::Decoded::ok || packet.fragment ||
            wire::decode_tcp(packet, segment) != wire::Decoded::ok ||
            (segment.length == 0 && !segment.has(wire::flag::syn))) {
            return;
        }
        const bool from_client = segment.to.port == server_port_;
        segments_.push_back({frame.time, segment.seq, segment.length,
                             from_client ? segment.from.port : segment.to.port, from_client,
                             segment.has(wire::flag::syn)});
    }

    wire::Capture capture_;
    const std::uint16_t server_port_;
    std::atomic<bool> stopping_{false};
    std::vector<load::WireSegment> segments_;
    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<load::WireTap>> open_wire_tap(const Endpoint& server, bool local,
                                                     std::uint16_t mask) {
    if (server.family == Family::unix_path) {
        return fail(Status::not_supported,
                    "--verify-wire: a Unix socket has no packets to compare with");
    }
    auto capture =
        wire::Capture::open_live(local ? "lo" : "any", filter_of(server, mask), kSnapBytes);
    if (!capture && capture.error().status == Status::access_denied) {
        return fail(Status::access_denied,
                    "--verify-wire: the right to capture (CAP_NET_RAW) is missing: run as root, or "
                    "server and bench together in a network of their own: unshare --user "
                    "--map-root-user --net");
    }
    if (!capture) {
        return fail(capture.error().status, "--verify-wire: " + capture.error().what);
    }
    return std::make_unique<CaptureTap>(std::move(*capture), server.port);
}

}  // namespace sluice
