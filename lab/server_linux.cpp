#include "lab/lab.h"
#include "lab/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace sluice {

namespace {

constexpr int kTimeoutMs = 5'000;
constexpr std::size_t kEntriesMax = 10'000;  // searched in a root for a directory
constexpr int kDepthMax = 4;

[[nodiscard]] std::unexpected<Error> failed(const std::string& what) {
    return fail(Status::io_error, fmt::format("{}: {}", what, std::strerror(errno)), errno);
}

bool write_file(const char* path, const std::string& text) {
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
        return false;
    }
    const bool good = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    return close(file) == 0 && good;
}

Result<void> enter_once() {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        if (!write_file("/proc/self/setgroups", "deny") ||
            !write_file("/proc/self/uid_map", fmt::format("0 {} 1", user)) ||
            !write_file("/proc/self/gid_map", fmt::format("0 {} 1", group))) {
            return failed("cannot map the user into a namespace");
        }
    } else if (user != 0 || unshare(CLONE_NEWNET) != 0) {
        return failed("this system forbids private network namespaces");
    }
    const Socket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::memcpy(request.ifr_name, "lo", 3);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) {
        return failed("cannot bring the private loopback up");
    }
    const Socket tap(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (tap.get() < 0) {
        return failed("cannot capture in a private network namespace");
    }
    return {};
}

}  // namespace

Socket::Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
    shut();
    handle_ = std::exchange(other.handle_, -1);
    return *this;
}

void Socket::shut() {
    if (handle_ >= 0) {
        close(std::exchange(handle_, -1));
    }
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// ---- the server

Result<void> ServerProcess::start(const std::string& root, std::uint16_t port) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return failed("cannot make a pipe");
    }
    const Socket lines(ends[0]);
    Socket out(ends[1]);
    const std::string address = fmt::format("127.0.0.1:{}", port);
    // Short deadlines: the lab waits for two of them to expire.
    const char* const arguments[] = {
        "sluice",         "serve", root.c_str(), "--listen",       address.c_str(),
        "--workers",      "1",     "--no-pin",   "--head-timeout", "700ms",
        "--idle-timeout", "700ms", nullptr};
    command_.clear();
    for (const char* const argument : arguments) {
        command_ +=
            argument == nullptr ? "" : (command_.empty() ? "" : " ") + std::string(argument);
    }
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) {
        return failed("cannot start the server");
    }
    if (pid_ == 0) {
        // The child must not outlive this process, even when it is killed.
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) {
            _exit(0);
        }
        dup2(out.get(), STDERR_FILENO);
        dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
        execv("/proc/self/exe", const_cast<char* const*>(arguments));
        _exit(127);
    }
    out.shut();
    return wait_ready(lines.get());
}

Result<void> ServerProcess::wait_ready(int lines) {
    constexpr std::string_view kUrl = " on http://127.0.0.1:";
    std::string said;
    pollfd ready{lines, POLLIN, 0};
    while (true) {
        const std::size_t at = said.find(kUrl);
        if (at != std::string::npos && said.find('/', at + kUrl.size()) != std::string::npos) {
            std::from_chars(said.data() + at + kUrl.size(), said.data() + said.size(), port_);
            return {};
        }
        char part[512];
        const bool came = poll(&ready, 1, kTimeoutMs) == 1;
        const ssize_t got = came ? read(lines, part, sizeof part) : 0;
        if (got <= 0) {
            return fail(Status::io_error,
                        fmt::format("the server did not start: {}", said.empty() ? "-" : said));
        }
        said.append(part, static_cast<std::size_t>(got));
    }
}

void ServerProcess::stop() {
    if (pid_ <= 0) {
        return;
    }
    kill(pid_, SIGTERM);
    for (int waited = 0; waited < kTimeoutMs; waited += 20) {
        if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
            pid_ = -1;
            return;
        }
        usleep(20'000);
    }
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

// ---- a directory to be redirected to

LabRoot::~LabRoot() {
    if (!own_root_.empty()) {
        std::error_code ignored;
        std::filesystem::remove_all(own_root_, ignored);
    }
}

Result<void> LabRoot::find(const std::string& root) {
    namespace fs = std::filesystem;
    std::vector<std::string> found;
    std::error_code error;
    std::size_t entries = 0;
    fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, error);
    for (; !error && at != fs::end(at) && entries < kEntriesMax; at.increment(error), ++entries) {
        const std::string name = at->path().filename().string();
        if (name.starts_with('.') || at.depth() >= kDepthMax) {
            at.disable_recursion_pending();
        } else if (std::error_code none;
                   at->is_directory(none) && fs::is_regular_file(at->path() / "index.html", none)) {
            found.push_back("/" + at->path().lexically_relative(root).string());
        }
    }
    // One that needs no escapes; the first by name, so that every run takes the same.
    std::erase_if(found, [](const std::string& path) {
        return path.find_first_not_of(
                   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                   "0123456789-_./") != std::string::npos;
    });
    std::sort(found.begin(), found.end());
    if (!found.empty()) {
        target_ = found.front();
        return {};
    }
    std::string made = (fs::temp_directory_path(error) / "sluice-lab-XXXXXX").string();
    if (error || mkdtemp(made.data()) == nullptr) {
        return failed("cannot make a directory for the lab");
    }
    own_root_ = made;
    target_ = "/moved";
    if (!fs::create_directory(own_root_ + target_, error) ||
        !write_file((own_root_ + target_ + "/index.html").c_str(),
                    "<!DOCTYPE html>\n<title>moved</title>\n<p>A directory of the lab.</p>\n")) {
        return failed("cannot make a directory for the lab");
    }
    return {};
}

// ---- the network

Result<void> enter_private_network() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return failed("cannot make a pipe");
    }
    Socket in(ends[0]);
    Socket out(ends[1]);
    const pid_t pid = fork();
    if (pid < 0) {
        return failed("cannot make a process");
    }
    if (pid == 0) {
        const auto entered = enter_once();
        if (!entered) {
            const std::string& why = entered.error().what;
            (void)!write(out.get(), why.data(), why.size());
        }
        _exit(entered ? 0 : 1);
    }
    out.shut();
    char why[512];
    const ssize_t size = read(in.get(), why, sizeof why);
    int status = 0;
    waitpid(pid, &status, 0);
    if (status != 0) {
        return fail(Status::not_supported, size > 0
                                               ? std::string(why, static_cast<std::size_t>(size))
                                               : "a private network namespace could not be tried");
    }
    return enter_once();
}

}  // namespace sluice
