#include "bench/load/system.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "backends/windows/socket.h"
#include "system/cpu.h"
// after winsock2.h
#include <iphlpapi.h>
#include <mstcpip.h>
#include <timeapi.h>

namespace sluice::load {

namespace {

constexpr Nanos kTick = 100;  // of a FILETIME

Nanos nanos_of(const FILETIME& time) {
    return static_cast<Nanos>(ULARGE_INTEGER{{time.dwLowDateTime, time.dwHighDateTime}}.QuadPart) *
           kTick;
}

class Handle {
  public:
    explicit Handle(HANDLE handle) : handle_(handle) {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() {
        if (handle_ != nullptr) {
            ::CloseHandle(handle_);
        }
    }
    [[nodiscard]] HANDLE get() const { return handle_; }

  private:
    HANDLE handle_;
};

Handle open_process(DWORD pid) {
    return Handle(::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid));
}

// The table of listening sockets with their processes, of one family; empty when it is refused.
std::vector<char> listeners_of(ULONG family) {
    std::vector<char> table;
    DWORD bytes = 0;
    for (int tries = 0; tries < 4; ++tries) {  // it may grow between two calls
        const DWORD error = ::GetExtendedTcpTable(table.empty() ? nullptr : table.data(), &bytes,
                                                  FALSE, family, TCP_TABLE_OWNER_PID_LISTENER, 0);
        if (error == NO_ERROR && !table.empty()) {
            return table;
        }
        if (error != ERROR_INSUFFICIENT_BUFFER && error != NO_ERROR) {
            break;
        }
        table.resize(bytes);
    }
    return {};
}

bool is_zero(const void* bytes, std::size_t count) {
    const auto* first = static_cast<const unsigned char*>(bytes);
    return std::all_of(first, first + count, [](unsigned char byte) { return byte == 0; });
}

bool listens_at(const Endpoint& server, Family family, const void* address, DWORD port) {
    const std::size_t size = family == Family::ipv4 ? 4 : 16;
    return ::ntohs(static_cast<u_short>(port)) == server.port &&
           (is_zero(address, size) ||
            (server.family == family && std::memcmp(address, server.address.data(), size) == 0));
}

std::set<DWORD> listening_processes(const Endpoint& server) {
    std::set<DWORD> pids;
    if (const std::vector<char> bytes = listeners_of(AF_INET); !bytes.empty()) {
        const auto* table = reinterpret_cast<const MIB_TCPTABLE_OWNER_PID*>(bytes.data());
        for (DWORD i = 0; i < table->dwNumEntries; ++i) {
            const MIB_TCPROW_OWNER_PID& row = table->table[i];
            if (listens_at(server, Family::ipv4, &row.dwLocalAddr, row.dwLocalPort)) {
                pids.insert(row.dwOwningPid);
            }
        }
    }
    if (const std::vector<char> bytes = listeners_of(AF_INET6); !bytes.empty()) {
        const auto* table = reinterpret_cast<const MIB_TCP6TABLE_OWNER_PID*>(bytes.data());
        for (DWORD i = 0; i < table->dwNumEntries; ++i) {
            const MIB_TCP6ROW_OWNER_PID& row = table->table[i];
            if (listens_at(server, Family::ipv6, row.ucLocalAddr, row.dwLocalPort)) {
                pids.insert(row.dwOwningPid);
            }
        }
    }
    return pids;
}

std::string name_of(DWORD pid) {
    const Handle process = open_process(pid);
    wchar_t path[MAX_PATH];
    DWORD size = MAX_PATH;
    if (process.get() == nullptr ||
        ::QueryFullProcessImageNameW(process.get(), 0, path, &size) == 0) {
        return "";
    }
    const std::wstring_view whole(path, size);
    return win32::to_utf8(whole.substr(whole.find_last_of(L'\\') + 1)).value_or("");
}

std::string registry_text(const wchar_t* key, const wchar_t* name) {
    wchar_t text[256] = {};
    DWORD bytes = sizeof text;
    return ::RegGetValueW(HKEY_LOCAL_MACHINE, key, name, RRF_RT_REG_SZ, nullptr, text, &bytes) == 0
               ? win32::to_utf8(text).value_or("")
               : "";
}

}  // namespace

Nanos monotonic_now() noexcept {
    return win32::monotonic_now();
}

std::optional<Endpoint> local_endpoint(Socket socket) {
    Endpoint local = winsock::local_of(static_cast<SOCKET>(socket));
    return local.family == Family::none ? std::nullopt : std::optional(std::move(local));
}

// The system does not tell how long a thread waited for a CPU.
ThreadClocks thread_clocks() {
    FILETIME created;
    FILETIME ended;
    FILETIME kernel;
    FILETIME user;
    if (::GetThreadTimes(::GetCurrentThread(), &created, &ended, &kernel, &user) == 0) {
        return {};
    }
    return {nanos_of(kernel) + nanos_of(user), 0};
}

// The system's finest: a millisecond.
void precise_timers() noexcept {
    (void)::timeBeginPeriod(1);
}

std::optional<KernelHandshake> kernel_handshake(Socket socket) noexcept {
    DWORD version = 0;
    TCP_INFO_v0 info{};
    DWORD bytes = 0;
    if (::WSAIoctl(static_cast<SOCKET>(socket), SIO_TCP_INFO, &version, sizeof version, &info,
                   sizeof info, &bytes, nullptr, nullptr) != 0 ||
        bytes < sizeof info) {
        return std::nullopt;
    }
    return KernelHandshake{Nanos{info.RttUs} * kMicrosecond, info.SynRetrans > 0};
}

bool is_own_address(const Endpoint& server) {
    const winsock::SocketAddress peer = winsock::to_socket_address(server);
    if (peer.size == 0 || winsock::start() != 0) {
        return false;
    }
    const SOCKET probe = ::WSASocketW(peer.storage.ss_family, SOCK_DGRAM, 0, nullptr, 0, 0);
    if (probe == INVALID_SOCKET) {
        return false;
    }
    const bool reached = ::connect(probe, peer.get(), peer.size) == 0;
    const Endpoint local = winsock::local_of(probe);
    ::closesocket(probe);
    return reached && local.address == server.address;
}

std::optional<Nanos> stolen_time() {
    return std::nullopt;
}

// The system does not tell of a full backlog.
std::optional<NetCounters> net_counters() {
    return std::nullopt;
}

std::optional<Ports> ports() {
    return std::nullopt;
}

ServerProcesses find_server(const Endpoint& server) {
    ServerProcesses found;
    if (!is_own_address(server)) {
        found.why = "the server is not on this machine";
        return found;
    }
    const std::set<DWORD> pids = listening_processes(server);
    for (const DWORD pid : pids) {
        if (pid != 0) {
            found.pids.push_back(static_cast<int>(pid));
            found.name = name_of(pid);
        }
    }
    if (found.pids.empty()) {
        found.why = pids.empty() ? "nothing on this machine listens at " + server.to_string()
                                 : "the system does not tell who listens";
    }
    return found;
}

std::optional<Nanos> cpu_of(const std::vector<int>& pids) {
    Nanos sum = 0;
    bool any = false;
    for (const int pid : pids) {
        const Handle process = open_process(static_cast<DWORD>(pid));
        FILETIME created;
        FILETIME ended;
        FILETIME kernel;
        FILETIME user;
        if (process.get() != nullptr &&
            ::GetProcessTimes(process.get(), &created, &ended, &kernel, &user) != 0) {
            sum += nanos_of(kernel) + nanos_of(user);
            any = true;
        }
    }
    return any ? std::optional(sum) : std::nullopt;
}

Machine machine() {
    constexpr const wchar_t* kVersion = L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";
    constexpr const wchar_t* kCpu = L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0";
    Machine found;
    found.kernel = "Windows build " + registry_text(kVersion, L"CurrentBuildNumber");
    found.cpu = registry_text(kCpu, L"ProcessorNameString");
    found.cpus = static_cast<unsigned>(usable_cpus().size());
    return found;
}

}  // namespace sluice::load
