#include "wire/capture.h"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace sluice::wire {

namespace {

constexpr int kLiveTimeoutMs = 50;
constexpr int kLiveBufferBytes = 16 << 20;
constexpr std::size_t kReadBytes = 256 << 10;  // of a file at once; the C library would take 4 KiB
// DLT_RAW differs between systems; in files it is this (pcap-linktype(7)).
constexpr int kLinkTypeRaw = 101;

Link link_of(int type) {
    switch (type) {
        case DLT_EN10MB: return Link::ethernet;
        case DLT_LINUX_SLL: return Link::cooked_v1;
        case DLT_LINUX_SLL2: return Link::cooked_v2;
        case DLT_NULL: return Link::null;
        case DLT_LOOP: return Link::loop;
        case DLT_RAW:
        case DLT_IPV4:
        case DLT_IPV6: return Link::raw;
        default: return Link::unknown;
    }
}

// A damaged file may name any second at all: those that 64 bits of nanoseconds cannot hold become
// the nearest of a range (1970 to 2255) in which differences cannot overflow either.
Nanos time_of(const timeval& stamp) {
    constexpr std::int64_t kSecondsMax = 9'000'000'000;
    const std::int64_t seconds = std::clamp<std::int64_t>(stamp.tv_sec, 0, kSecondsMax);
    return seconds * kSecond + stamp.tv_usec;  // of nanoseconds, by the precision asked for
}

std::string live_failure(const std::string& interface, int code, pcap_t* handle) {
    std::string text = fmt::format("cannot capture on {}: {}", interface, pcap_statustostr(code));
    if (const char* more = pcap_geterr(handle); more != nullptr && *more != '\0') {
        text += fmt::format(" ({})", more);
    }
    if (code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED) {
        text +=
            "; the right to capture (CAP_NET_RAW) is missing: run as root, or give it to the "
            "program: setcap cap_net_raw+ep PATH/sluice; or use --lab, which needs none";
    }
    return text;
}

}  // namespace

void Capture::Closer::operator()(pcap* handle) const noexcept {
    pcap_close(handle);
}

Capture::Capture(pcap* handle, bool live)
    : handle_(handle),
      link_(link_of(pcap_datalink(handle))),
      link_type_(pcap_datalink(handle) == DLT_RAW ? kLinkTypeRaw : pcap_datalink(handle)),
      live_(live) {}

Capture::Capture(Capture&&) noexcept = default;
Capture& Capture::operator=(Capture&&) noexcept = default;
Capture::~Capture() = default;

Result<Capture> Capture::open_file(const std::string& path) {
    std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
    if (file == nullptr) {
        return fail(Status::io_error, fmt::format("cannot read {}: {}", path, std::strerror(errno)),
                    errno);
    }
    std::setvbuf(file, nullptr, _IOFBF, kReadBytes);
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_t* handle =
        pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
    if (handle == nullptr) {
        std::fclose(file);
        return fail(Status::io_error, fmt::format("cannot read {}: {}", path, why));
    }
    Capture capture(handle, false);
    if (capture.link_ == Link::unknown) {
        const char* name = pcap_datalink_val_to_description_or_dlt(pcap_datalink(handle));
        return fail(Status::not_supported,
                    fmt::format("cannot read {}: its link type is {}; known are Ethernet, Linux "
                                "cooked (v1, v2), null/loopback and raw IP",
                                path, name));
    }
    return capture;
}

Result<Capture> Capture::open_live(const std::string& interface, const std::string& filter,
                                   int snap_bytes) {
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_t* handle = pcap_create(interface.c_str(), why);
    if (handle == nullptr) {
        return fail(Status::io_error, fmt::format("cannot capture on {}: {}", interface, why));
    }
    std::unique_ptr<pcap, Closer> guard(handle);
    pcap_set_snaplen(handle, snap_bytes);
    pcap_set_timeout(handle, kLiveTimeoutMs);
    pcap_set_immediate_mode(handle, 1);
    pcap_set_buffer_size(handle, kLiveBufferBytes);
    pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
    if (const int code = pcap_activate(handle); code < 0) {
        return fail(Status::access_denied, live_failure(interface, code, handle));
    }
    if (!filter.empty()) {
        bpf_program program{};
        if (pcap_compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0 ||
            pcap_setfilter(handle, &program) != 0) {
            std::string text =
                fmt::format("cannot filter by \"{}\": {}", filter, pcap_geterr(handle));
            pcap_freecode(&program);
            return fail(Status::io_error, std::move(text));
        }
        pcap_freecode(&program);
    }
    if (pcap_setnonblock(handle, 1, why) != 0) {
        return fail(Status::io_error, fmt::format("cannot capture on {}: {}", interface, why));
    }
    Capture capture(guard.release(), true);
    if (capture.link_ == Link::unknown) {
        return fail(Status::not_supported, fmt::format("cannot read what {} carries", interface));
    }
    return capture;
}

const Frame* Capture::next() {
    if (ended_) {
        return nullptr;
    }
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    int got = pcap_next_ex(handle_.get(), &header, &bytes);
    if (got == 0 && live_) {
        // libpcap's own wait does not promise to end when nothing comes.
        pollfd ready{pcap_get_selectable_fd(handle_.get()), POLLIN, 0};
        (void)poll(&ready, 1, kLiveTimeoutMs);
        got = pcap_next_ex(handle_.get(), &header, &bytes);
    }
    if (got == 1) {
        ++frame_.number;
        frame_.time = time_of(header->ts);
        frame_.length = header->len;
        frame_.link = link_;
        frame_.bytes = {reinterpret_cast<const char*>(bytes), header->caplen};
        return &frame_;
    }
    if (got == 0) {
        return nullptr;  // live, and nothing came
    }
    ended_ = true;
    if (got != PCAP_ERROR_BREAK) {
        error_ = fmt::format("the capture breaks off after frame {}: {}", frame_.number,
                             pcap_geterr(handle_.get()));
    }
    return nullptr;
}

std::uint32_t Capture::snap_length() const {
    return static_cast<std::uint32_t>(pcap_snapshot(handle_.get()));
}

std::uint64_t Capture::dropped() const {
    pcap_stat stat{};
    if (!live_ || pcap_stats(handle_.get(), &stat) != 0) {
        return 0;
    }
    return stat.ps_drop;
}

}  // namespace sluice::wire
