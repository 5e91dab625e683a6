#include <fmt/format.h>
#include <pcap/pcap.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "wire/capture.h"
#include "wire/capture_file.h"

namespace sluice::wire {

namespace {

constexpr int kLiveTimeoutMs = 50;
constexpr int kLiveBufferBytes = 16 << 20;
constexpr std::size_t kReadBytes = 256 << 10;  // of a file at once; the C library would take 4 KiB
// DLT_RAW differs between systems; in files it is this (pcap-linktype(7)).
constexpr int kLinkTypeRaw = 101;

int link_type_of(pcap_t* handle) {
    const int type = pcap_datalink(handle);
    return type == DLT_RAW ? kLinkTypeRaw : type;
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

struct Capture::Source {
    Source(pcap_t* from, bool is_live) : handle(from), live(is_live) {}
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    ~Source() { pcap_close(handle); }
    pcap_t* handle;
    bool live;
};

Capture::Capture(std::unique_ptr<Source> source, int link_type)
    : source_(std::move(source)), link_(link_of(link_type)), link_type_(link_type) {}

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
    Capture capture(std::make_unique<Source>(handle, false), link_type_of(handle));
    if (capture.link_ == Link::unknown) {
        const char* name = pcap_datalink_val_to_description_or_dlt(pcap_datalink(handle));
        return fail(Status::not_supported, unknown_link(path, name));
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
    auto source = std::make_unique<Source>(handle, true);
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
    Capture capture(std::move(source), link_type_of(handle));
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
    int got = pcap_next_ex(source_->handle, &header, &bytes);
    if (got == 0 && source_->live) {
        // libpcap's own wait does not promise to end when nothing comes.
        pollfd ready{pcap_get_selectable_fd(source_->handle), POLLIN, 0};
        (void)poll(&ready, 1, kLiveTimeoutMs);
        got = pcap_next_ex(source_->handle, &header, &bytes);
    }
    if (got == 1) {
        ++frame_.number;
        // tv_usec is of nanoseconds, by the precision asked for.
        frame_.time = frame_time(header->ts.tv_sec, header->ts.tv_usec);
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
                             pcap_geterr(source_->handle));
    }
    return nullptr;
}

std::uint32_t Capture::snap_length() const {
    return static_cast<std::uint32_t>(pcap_snapshot(source_->handle));
}

std::uint64_t Capture::dropped() const {
    pcap_stat stat{};
    if (!source_->live || pcap_stats(source_->handle, &stat) != 0) {
        return 0;
    }
    return stat.ps_drop;
}

}  // namespace sluice::wire
