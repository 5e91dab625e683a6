#include "backends/posix/listeners.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace sluice::posix {

namespace fs = std::filesystem;

namespace {

constexpr unsigned kPortsOfRootMax = 1023;  // where the system does not tell

unsigned from_hex(std::string_view text) {
    unsigned value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return value;
}

// As /proc/net/tcp prints it: 32-bit words in the machine's order, and a port, as hexadecimal.
Endpoint to_endpoint(std::string_view printed) {
    Endpoint endpoint;
    const std::size_t colon = printed.find(':');
    if (colon != 8 && colon != 32) {
        return endpoint;
    }
    endpoint.family = colon == 32 ? Family::ipv6 : Family::ipv4;
    endpoint.port = static_cast<std::uint16_t>(from_hex(printed.substr(colon + 1)));
    for (std::size_t word = 0; word < colon / 8; ++word) {
        const std::uint32_t value = from_hex(printed.substr(8 * word, 8));
        std::memcpy(endpoint.address.data() + 4 * word, &value, sizeof value);
    }
    return endpoint;
}

// A socket at every address of IPv6 usually takes IPv4 as well.
bool meet(const Endpoint& one, const Endpoint& other) {
    return one.port == other.port && (one.is_any() || other.is_any() ||
                                      (one.family == other.family && one.address == other.address));
}

std::set<std::string> inodes_of_path(const std::string& wanted) {
    std::set<std::string> inodes;
    std::ifstream file("/proc/net/unix");
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream in(line);
        std::string skip;
        std::string flags;
        std::string inode;
        std::string path;
        in >> skip >> skip >> skip >> flags >> skip >> skip >> inode >> path;
        if (path == wanted && flags == "00010000") {  // listening (__SO_ACCEPTCON)
            inodes.insert(inode);
        }
    }
    return inodes;
}

std::set<std::string> listening_inodes(const Endpoint& address) {
    if (address.family == Family::unix_path) {
        return inodes_of_path(address.path);
    }
    std::set<std::string> inodes;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        each_tcp_socket(family, [&](const TcpSocket& socket) {
            if (socket.state == kTcpListen && meet(socket.local, address)) {
                inodes.insert(socket.inode);
            }
            // The others can be many, and the kernel walks all of its table for them.
            return socket.state == kTcpListen;
        });
    }
    return inodes;
}

bool has_socket(const fs::path& process, const std::set<std::string>& inodes) {
    std::error_code error;
    for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end;
         fd.increment(error)) {
        std::error_code gone;
        const std::string target = fs::read_symlink(fd->path(), gone).string();
        if (!gone && target.starts_with("socket:[") &&
            inodes.contains(target.substr(8, target.size() - 9))) {
            return true;
        }
    }
    return false;
}

std::string taken(const Endpoint& address) {
    const Listeners found = listeners_at(address);
    if (!found.pids.empty()) {
        return "; " + found.name + " (process " + std::to_string(found.pids[0]) +
               ") listens there: stop it, or choose another address";
    }
    if (address.family == Family::unix_path) {
        return {};
    }
    return std::string(found.any ? "; a process of another user listens there" : "") +
           "; as root, ss -ltnp 'sport = :" + std::to_string(address.port) + "' tells whose it is";
}

std::string privileged(const Endpoint& address) {
    unsigned first_free = kPortsOfRootMax + 1;
    std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
    if (address.family == Family::unix_path || address.port >= first_free) {
        return {};
    }
    std::error_code error;
    const std::string self = fs::read_symlink("/proc/self/exe", error).string();
    const std::string port = std::to_string(address.port);
    return "; a port below " + std::to_string(first_free) +
           " needs a right: let systemd start it (packaging/sluice.service), or run setcap "
           "cap_net_bind_service=+ep " +
           (error ? "sluice" : self) +
           " as root, or sysctl net.ipv4.ip_unprivileged_port_start=" + port + "; a port from " +
           std::to_string(first_free) + " on needs none";
}

}  // namespace

void each_tcp_socket(Family family, const std::function<bool(const TcpSocket&)>& take) {
    std::ifstream file(family == Family::ipv6 ? "/proc/net/tcp6" : "/proc/net/tcp");
    std::string line;
    std::getline(file, line);  // the columns' names
    while (std::getline(file, line)) {
        std::istringstream in(line);
        std::string skip;
        std::string local;
        std::string remote;
        std::string state;
        TcpSocket socket;
        in >> skip >> local >> remote >> state >> skip >> skip >> skip >> skip >> skip >>
            socket.inode;
        socket.local = to_endpoint(local);
        socket.remote = to_endpoint(remote);
        socket.state = from_hex(state);
        if (!take(socket)) {
            return;
        }
    }
}

Listeners listeners_at(const Endpoint& address) {
    Listeners found;
    const std::set<std::string> inodes = listening_inodes(address);
    found.any = !inodes.empty();
    std::error_code error;
    for (fs::directory_iterator process("/proc", error), end; found.any && !error && process != end;
         process.increment(error)) {
        const std::string name = process->path().filename().string();
        if (std::isdigit(static_cast<unsigned char>(name[0])) != 0 &&
            has_socket(process->path(), inodes)) {
            int pid = 0;
            std::from_chars(name.data(), name.data() + name.size(), pid);
            found.pids.push_back(pid);
        }
    }
    std::ranges::sort(found.pids);
    if (!found.pids.empty()) {
        std::ifstream file("/proc/" + std::to_string(found.pids[0]) + "/comm");
        std::getline(file, found.name);
    }
    return found;
}

std::string bind_advice(const Endpoint& address, int errno_value) {
    switch (errno_value) {
        case EADDRINUSE: return taken(address);
        case EACCES: return privileged(address);
        default: return {};
    }
}

}  // namespace sluice::posix
