#include "bench/load/system.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "backends/posix/listeners.h"
#include "backends/posix/socket.h"
#include "system/cpu.h"

namespace sluice::load {

namespace fs = std::filesystem;

namespace {

// The value of column `name` in a file of paired lines "Group: names..." / "Group: values...".
std::optional<std::uint64_t> paired_value(const char* path, std::string_view group,
                                          std::string_view name) {
    std::ifstream file(path);
    std::string names;
    std::string values;
    while (std::getline(file, names) && std::getline(file, values)) {
        std::istringstream names_in(names);
        std::istringstream values_in(values);
        std::string column;
        std::string value;
        names_in >> column;
        values_in >> value;
        if (column != group) {
            continue;
        }
        while (names_in >> column && values_in >> value) {
            if (column == name) {
                return std::strtoull(value.c_str(), nullptr, 10);
            }
        }
    }
    return std::nullopt;
}

}  // namespace

Nanos monotonic_now() noexcept {
    return posix::monotonic_now();
}

std::optional<Endpoint> local_endpoint(Socket socket) {
    auto local = posix::local_of(static_cast<int>(socket));
    return local ? std::optional(std::move(*local)) : std::nullopt;
}

// An address is this machine's own when packets to it would leave from it. A datagram socket finds
// that out without sending one.
bool is_own_address(const Endpoint& server) {
    const posix::SocketAddress peer = posix::to_socket_address(server);
    const int probe = ::socket(peer.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0) {
        return false;
    }
    const bool reached = ::connect(probe, peer.get(), peer.size) == 0;
    const auto local = posix::local_of(probe);
    ::close(probe);
    return reached && local && local->address == server.address;
}

ThreadClocks thread_clocks() {
    ThreadClocks clocks;
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    clocks.cpu = now.tv_sec * kSecond + now.tv_nsec;
    std::ifstream file("/proc/thread-self/schedstat");
    Nanos ran = 0;
    file >> ran >> clocks.waited;
    return clocks;
}

void precise_timers() noexcept {
    ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

std::optional<KernelHandshake> kernel_handshake(Socket socket) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(static_cast<int>(socket), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return std::nullopt;
    }
    // tcpi_rtt is in microseconds. After a retransmitted SYN the kernel has no RTT sample, or one
    // that spans the loss.
    return KernelHandshake{Nanos{info.tcpi_rtt} * kMicrosecond, info.tcpi_total_retrans > 0};
}

std::optional<NetCounters> net_counters() {
    constexpr const char* kNetstat = "/proc/net/netstat";
    const auto overflows = paired_value(kNetstat, "TcpExt:", "ListenOverflows");
    const auto drops = paired_value(kNetstat, "TcpExt:", "ListenDrops");
    const auto syn = paired_value(kNetstat, "TcpExt:", "TCPSynRetrans");
    const auto retransmits = paired_value("/proc/net/snmp", "Tcp:", "RetransSegs");
    if (!overflows || !drops || !retransmits) {
        return std::nullopt;
    }
    return NetCounters{*overflows, *drops, *retransmits, syn.value_or(0)};
}

std::optional<Ports> ports() {
    Ports found;
    std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
    if (!(range >> found.low >> found.high)) {
        return std::nullopt;
    }
    std::ifstream file("/proc/net/sockstat");
    std::string word;
    while (file >> word) {
        if (word == "tw") {
            file >> found.time_wait;
            break;
        }
    }
    return found;
}

ServerProcesses find_server(const Endpoint& server) {
    ServerProcesses found;
    if (server.family != Family::unix_path && !is_own_address(server)) {
        found.why = "the server is not on this machine";
        return found;
    }
    posix::Listeners listeners = posix::listeners_at(server);
    found.pids = std::move(listeners.pids);
    found.name = std::move(listeners.name);
    if (!listeners.any) {
        found.why = "nothing on this machine listens at " + server.to_string();
    } else if (found.pids.empty()) {
        found.why = "the server's process is not ours to look at (another user or container)";
    }
    return found;
}

// Field 1 of schedstat: nanoseconds on a CPU. It does not have the time of threads that have ended;
// the process's own clock (utime and stime of /proc/PID/stat) does, but only in ticks.
std::optional<Nanos> cpu_of(const std::vector<int>& pids) {
    Nanos sum = 0;
    bool any = false;
    for (const int pid : pids) {
        std::error_code error;
        const fs::path tasks = "/proc/" + std::to_string(pid) + "/task";
        for (fs::directory_iterator task(tasks, error), end; !error && task != end;
             task.increment(error)) {
            std::ifstream file(task->path() / "schedstat");
            Nanos ran = 0;
            if (file >> ran) {
                sum += ran;
                any = true;
            }
        }
    }
    return any ? std::optional(sum) : std::nullopt;
}

std::optional<Nanos> stolen_time() {
    std::ifstream file("/proc/stat");
    std::string name;
    Nanos user = 0;
    Nanos nice = 0;
    Nanos system = 0;
    Nanos idle = 0;
    Nanos iowait = 0;
    Nanos irq = 0;
    Nanos softirq = 0;
    Nanos stolen = 0;
    if (!(file >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> stolen)) {
        return std::nullopt;
    }
    return stolen * (kSecond / ::sysconf(_SC_CLK_TCK));
}

Machine machine() {
    Machine found;
    utsname system{};
    ::uname(&system);
    found.kernel = std::string(system.sysname) + " " + system.release + " " + system.machine;
    std::ifstream file("/proc/cpuinfo");
    std::string line;
    while (std::getline(file, line)) {
        if (line.starts_with("model name")) {
            found.cpu = line.substr(line.find(':') + 2);
            break;
        }
    }
    found.cpus = static_cast<unsigned>(usable_cpus().size());
    return found;
}

}  // namespace sluice::load
