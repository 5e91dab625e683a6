#include <dlfcn.h>
#include <fmt/format.h>
#include <pcap/pcap.h>
#include <poll.h>

#include <utility>

#include "wire/live_capture.h"

namespace sluice::wire {

// The functions of libpcap that are used.
struct Pcap {
    decltype(&pcap_create) create;
    decltype(&pcap_set_snaplen) set_snaplen;
    decltype(&pcap_set_timeout) set_timeout;
    decltype(&pcap_set_immediate_mode) set_immediate_mode;
    decltype(&pcap_set_buffer_size) set_buffer_size;
    decltype(&pcap_set_tstamp_precision) set_tstamp_precision;
    decltype(&pcap_activate) activate;
    decltype(&pcap_compile) compile;
    decltype(&pcap_setfilter) setfilter;
    decltype(&pcap_freecode) freecode;
    decltype(&pcap_setnonblock) setnonblock;
    decltype(&pcap_get_selectable_fd) get_selectable_fd;
    decltype(&pcap_next_ex) next_ex;
    decltype(&pcap_datalink) datalink;
    decltype(&pcap_snapshot) snapshot;
    decltype(&pcap_stats) stats;
    decltype(&pcap_geterr) geterr;
    decltype(&pcap_statustostr) statustostr;
    decltype(&pcap_close) close;
};

namespace {

constexpr int kLiveTimeoutMs = 50;
constexpr int kLiveBufferBytes = 16 << 20;
// DLT_RAW differs between systems; files use this number (pcap-linktype(7)).
constexpr int kLinkTypeRaw = 101;

// Debian's soname, and upstream's.
constexpr const char* kLibraries[] = {"libpcap.so.0.8", "libpcap.so.1"};

template <typename Function>
bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
}

bool find_all(void* library, Pcap& pcap) {
    return find(library, "pcap_create", pcap.create) &&
           find(library, "pcap_set_snaplen", pcap.set_snaplen) &&
           find(library, "pcap_set_timeout", pcap.set_timeout) &&
           find(library, "pcap_set_immediate_mode", pcap.set_immediate_mode) &&
           find(library, "pcap_set_buffer_size", pcap.set_buffer_size) &&
           find(library, "pcap_set_tstamp_precision", pcap.set_tstamp_precision) &&
           find(library, "pcap_activate", pcap.activate) &&
           find(library, "pcap_compile", pcap.compile) &&
           find(library, "pcap_setfilter", pcap.setfilter) &&
           find(library, "pcap_freecode", pcap.freecode) &&
           find(library, "pcap_setnonblock", pcap.setnonblock) &&
           find(library, "pcap_get_selectable_fd", pcap.get_selectable_fd) &&
           find(library, "pcap_next_ex", pcap.next_ex) &&
           find(library, "pcap_datalink", pcap.datalink) &&
           find(library, "pcap_snapshot", pcap.snapshot) &&
           find(library, "pcap_stats", pcap.stats) && find(library, "pcap_geterr", pcap.geterr) &&
           find(library, "pcap_statustostr", pcap.statustostr) &&
           find(library, "pcap_close", pcap.close);
}

// Loaded once and never unloaded; null where it is not installed.
const Pcap* pcap() {
    static const auto loaded = []() -> std::unique_ptr<const Pcap> {
        for (const char* name : kLibraries) {
            Pcap found{};
            void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
            if (library != nullptr && find_all(library, found)) {
                return std::make_unique<const Pcap>(found);
            }
        }
        return nullptr;
    }();
    return loaded.get();
}

std::string live_failure(const Pcap& lib, const std::string& interface, int code, pcap_t* handle) {
    std::string text = fmt::format("cannot capture on {}: {}", interface, lib.statustostr(code));
    if (const char* more = lib.geterr(handle); more != nullptr && *more != '\0') {
        text += fmt::format(" ({})", more);
    }
    if (code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED) {
        text +=
            "; the right to capture (CAP_NET_RAW) is missing: run as root, or give it to the "
            "program: setcap cap_net_raw+ep PATH/sluice; or use --lab, which needs none";
    }
    return text;
}

Result<void> set_filter(const Pcap& lib, pcap_t* handle, const std::string& filter) {
    bpf_program program{};
    const bool set = lib.compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0 &&
                     lib.setfilter(handle, &program) == 0;
    lib.freecode(&program);
    if (!set) {
        return fail(Status::io_error,
                    fmt::format("cannot filter by \"{}\": {}", filter, lib.geterr(handle)));
    }
    return {};
}

}  // namespace

struct LiveCapture::Handle {
    Handle(const Pcap& library, pcap_t* opened) : lib(library), handle(opened) {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { lib.close(handle); }
    const Pcap& lib;
    pcap_t* const handle;
};

LiveCapture::LiveCapture(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}

LiveCapture::LiveCapture(LiveCapture&&) noexcept = default;
LiveCapture& LiveCapture::operator=(LiveCapture&&) noexcept = default;
LiveCapture::~LiveCapture() = default;

Result<LiveCapture> LiveCapture::open(const std::string& interface, const std::string& filter,
                                      int snap_bytes) {
    const Pcap* lib = pcap();
    if (lib == nullptr) {
        return fail(Status::not_supported,
                    fmt::format("cannot capture on {}: {} is not installed (apt-get install "
                                "libpcap0.8)",
                                interface, kLibraries[0]));
    }
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_t* opened = lib->create(interface.c_str(), why);
    if (opened == nullptr) {
        return fail(Status::io_error, fmt::format("cannot capture on {}: {}", interface, why));
    }
    auto handle = std::make_unique<Handle>(*lib, opened);
    lib->set_snaplen(opened, snap_bytes);
    lib->set_timeout(opened, kLiveTimeoutMs);
    lib->set_immediate_mode(opened, 1);
    lib->set_buffer_size(opened, kLiveBufferBytes);
    lib->set_tstamp_precision(opened, PCAP_TSTAMP_PRECISION_NANO);
    if (const int code = lib->activate(opened); code < 0) {
        return fail(Status::access_denied, live_failure(*lib, interface, code, opened));
    }
    if (!filter.empty()) {
        if (auto set = set_filter(*lib, opened, filter); !set) {
            return std::unexpected(set.error());
        }
    }
    if (lib->setnonblock(opened, 1, why) != 0) {
        return fail(Status::io_error, fmt::format("cannot capture on {}: {}", interface, why));
    }
    return LiveCapture(std::move(handle));
}

const CaptureFile::Record* LiveCapture::next() {
    const Pcap& lib = handle_->lib;
    pcap_t* from = handle_->handle;
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    int got = lib.next_ex(from, &header, &bytes);
    if (got == 0) {
        // libpcap's own timeout is not guaranteed to expire when no packet comes.
        pollfd ready{lib.get_selectable_fd(from), POLLIN, 0};
        (void)poll(&ready, 1, kLiveTimeoutMs);
        got = lib.next_ex(from, &header, &bytes);
    }
    if (got == 1) {
        // tv_usec holds nanoseconds: the capture asked for this precision.
        record_.time = frame_time(header->ts.tv_sec, header->ts.tv_usec);
        record_.length = header->len;
        record_.bytes = {reinterpret_cast<const char*>(bytes), header->caplen};
        return &record_;
    }
    if (got != 0) {
        error_ = lib.geterr(from);
    }
    return nullptr;
}

int LiveCapture::link_type() const {
    const int type = handle_->lib.datalink(handle_->handle);
    return type == DLT_RAW ? kLinkTypeRaw : type;
}

std::uint32_t LiveCapture::snap_length() const {
    return static_cast<std::uint32_t>(handle_->lib.snapshot(handle_->handle));
}

std::uint64_t LiveCapture::dropped() const {
    pcap_stat stat{};
    return handle_->lib.stats(handle_->handle, &stat) == 0 ? stat.ps_drop : 0;
}

}  // namespace sluice::wire
