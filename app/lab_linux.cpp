#include "app/lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace sluice {

namespace {

constexpr std::uint16_t kPort = 8080;
constexpr std::uint16_t kClosedPort = 8081;
constexpr int kPatienceMs = 5'000;  // for what should come at once
constexpr int kQuietMs = 120;       // nothing captured for so long: a step is over
constexpr int kDelayedAckMs = 250;  // longer than a kernel waits with an ACK
constexpr int kSmallWindowBytes = 2'048;

[[nodiscard]] std::unexpected<Error> failed(const std::string& what) {
    return fail(Status::io_error, fmt::format("{}: {}", what, std::strerror(errno)), errno);
}

bool write_file(const char* path, const std::string& text) {
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    const bool good = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    return close(file) == 0 && good;
}

class Socket {
  public:
    Socket() = default;
    explicit Socket(int handle) : handle_(handle) {}
    Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        shut();
        handle_ = std::exchange(other.handle_, -1);
        return *this;
    }
    ~Socket() { shut(); }

    void shut() {
        if (handle_ >= 0) {
            close(std::exchange(handle_, -1));
        }
    }
    [[nodiscard]] int get() const { return handle_; }

  private:
    int handle_ = -1;
};

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// The server, as a child of ours.
class ServerProcess {
  public:
    ~ServerProcess() { stop(); }

    [[nodiscard]] Result<void> start(const std::string& root);
    void stop();

  private:
    [[nodiscard]] Result<void> wait_ready(int lines);

    pid_t pid_ = -1;
};

Result<void> ServerProcess::start(const std::string& root) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return failed("cannot make a pipe");
    }
    const Socket lines(ends[0]);
    Socket out(ends[1]);
    const std::string address = fmt::format("127.0.0.1:{}", kPort);
    // Short deadlines: the lab waits for two of them to show what happens then.
    const char* const arguments[] = {
        "sluice",         "serve", root.c_str(), "--listen",       address.c_str(),
        "--workers",      "1",     "--no-pin",   "--head-timeout", "700ms",
        "--idle-timeout", "700ms", nullptr};
    pid_ = fork();
    if (pid_ < 0) {
        return failed("cannot start the server");
    }
    if (pid_ == 0) {
        dup2(out.get(), STDERR_FILENO);
        dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
        execv("/proc/self/exe", const_cast<char* const*>(arguments));
        _exit(127);
    }
    out.shut();
    return wait_ready(lines.get());
}

Result<void> ServerProcess::wait_ready(int lines) {
    std::string said;
    pollfd ready{lines, POLLIN, 0};
    while (said.find("serving ") == std::string::npos) {
        char part[512];
        const bool came = poll(&ready, 1, kPatienceMs) == 1;
        const ssize_t got = came ? read(lines, part, sizeof part) : 0;
        if (got <= 0) {
            return fail(Status::io_error,
                        fmt::format("the server did not start: {}", said.empty() ? "-" : said));
        }
        said.append(part, static_cast<std::size_t>(got));
    }
    return {};
}

void ServerProcess::stop() {
    if (pid_ <= 0) {
        return;
    }
    kill(pid_, SIGTERM);
    for (int waited = 0; waited < kPatienceMs; waited += 20) {
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

// What the client of the seed's lab report sends, field by field.
std::string browser_request(const std::string& target, const std::string& more = {},
                            bool image = false) {
    std::string text = fmt::format(
        "GET {} HTTP/1.1\r\n"
        "Host: 127.0.0.1:{}\r\n"
        "Connection: keep-alive\r\n"
        "sec-ch-ua: \"Chromium\";v=\"106\", \"Google Chrome\";v=\"106\", "
        "\"Not;A=Brand\";v=\"99\"\r\n"
        "sec-ch-ua-mobile: ?0\r\n",
        target, kPort);
    const std::string agent =
        "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
        "Gecko) Chrome/106.0.0.0 Safari/537.36\r\n";
    if (image) {
        text += agent;
        text += fmt::format(
            "sec-ch-ua-platform: \"Windows\"\r\n"
            "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n"
            "Sec-Fetch-Site: same-origin\r\n"
            "Sec-Fetch-Mode: no-cors\r\n"
            "Sec-Fetch-Dest: image\r\n"
            "Referer: http://127.0.0.1:{}/\r\n",
            kPort);
    } else {
        text += "sec-ch-ua-platform: \"Windows\"\r\nUpgrade-Insecure-Requests: 1\r\n";
        text += agent;
        text +=
            "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
            "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.9\r\n"
            "Sec-Fetch-Site: none\r\n"
            "Sec-Fetch-Mode: navigate\r\n"
            "Sec-Fetch-User: ?1\r\n"
            "Sec-Fetch-Dest: document\r\n";
    }
    text +=
        "Accept-Encoding: gzip, deflate, br\r\n"
        "Accept-Language: zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7\r\n";
    return text + more + "\r\n";
}

std::string plain_request(const std::string& method, const std::string& target,
                          const std::string& more = {}, const std::string& version = "HTTP/1.1") {
    return fmt::format("{} {} {}\r\nHost: 127.0.0.1:{}\r\n{}\r\n", method, target, version, kPort,
                       more);
}

std::string field_value(const std::string& head, const std::string& name) {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) {
        return {};
    }
    const std::size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
}

// The target of the page's first picture, if it lies on this server.
std::string first_picture(const std::string& page) {
    for (std::size_t at = page.find("<img"); at != std::string::npos;
         at = page.find("<img", at + 1)) {
        const std::size_t end = page.find('>', at);
        const std::size_t source = page.find("src=\"", at);
        if (end == std::string::npos || source == std::string::npos || source > end) {
            continue;
        }
        const std::size_t from = source + 5;
        std::string target = page.substr(from, page.find('"', from) - from);
        if (target.find("://") == std::string::npos && !target.starts_with("data:")) {
            return target.starts_with('/') ? target : "/" + target;
        }
    }
    return {};
}

class Lab {
  public:
    Lab(wire::Capture& capture, const std::function<void(const wire::Frame&)>& feed)
        : capture_(capture), feed_(feed) {}

    [[nodiscard]] Result<void> run();
    [[nodiscard]] Result<void> run_browser();
    [[nodiscard]] std::vector<LabCard>& cards() { return cards_; }

  private:
    [[nodiscard]] Socket begin(const std::string& id, std::uint16_t port = kPort, int buffer = 0);
    void send(const Socket& socket, const std::string& bytes);
    [[nodiscard]] std::string read_some(const Socket& socket);
    // One response by its Content-Length, or everything up to the end.
    [[nodiscard]] std::string read_response(const Socket& socket, bool head_only = false);
    void read_to_end(const Socket& socket);
    void settle(int quiet_ms = kQuietMs);

    [[nodiscard]] std::string visit();
    void status_cards(const std::string& etag);
    void close_cards();
    void one_request(const std::string& id, const std::string& bytes);

    wire::Capture& capture_;
    const std::function<void(const wire::Frame&)>& feed_;
    std::vector<LabCard> cards_;
    std::string picture_;
    std::string error_;
};

// Takes what was captured until nothing comes any more.
void Lab::settle(int quiet_ms) {
    for (int quiet = 0; quiet < quiet_ms;) {
        const wire::Frame* frame = capture_.next();
        if (frame != nullptr) {
            feed_(*frame);
            quiet = 0;
        } else if (capture_.ended()) {
            return;
        } else {
            quiet += 50;  // the capture's own wait
        }
    }
}

Socket Lab::begin(const std::string& id, std::uint16_t port, int buffer) {
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{kPatienceMs / 1000, 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (buffer != 0) {
        setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    sockaddr_in mine = loopback(0);
    socklen_t size = sizeof mine;
    const sockaddr_in server = loopback(port);
    const bool bound =
        bind(socket.get(), reinterpret_cast<const sockaddr*>(&mine), sizeof mine) == 0 &&
        getsockname(socket.get(), reinterpret_cast<sockaddr*>(&mine), &size) == 0;
    const bool connected =
        bound &&
        connect(socket.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0;
    if (!connected && (port == kPort || errno != ECONNREFUSED)) {
        error_ = fmt::format("the lab's client cannot connect: {}", std::strerror(errno));
    }
    cards_.push_back({id, ntohs(mine.sin_port)});
    return socket;
}

void Lab::send(const Socket& socket, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t now =
            ::send(socket.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) {
            return;  // the server refused the rest, which is what some cards are about
        }
        sent += static_cast<std::size_t>(now);
    }
}

std::string Lab::read_some(const Socket& socket) {
    char part[64 << 10];
    const ssize_t got = recv(socket.get(), part, sizeof part, 0);
    return got > 0 ? std::string(part, static_cast<std::size_t>(got)) : std::string();
}

std::string Lab::read_response(const Socket& socket, bool head_only) {
    std::string bytes;
    while (true) {
        const std::size_t end = bytes.find("\r\n\r\n");
        if (end != std::string::npos) {
            const std::string length = field_value(bytes.substr(0, end + 2), "Content-Length");
            std::size_t body = 0;
            if (!head_only) {
                std::from_chars(length.data(), length.data() + length.size(), body);
            }
            if (bytes.size() >= end + 4 + body) {
                return bytes;
            }
        }
        const std::string part = read_some(socket);
        if (part.empty()) {
            return bytes;
        }
        bytes += part;
    }
}

void Lab::read_to_end(const Socket& socket) {
    while (!read_some(socket).empty()) {
    }
}

// The page, then its logo on the same connection; then nothing, until the server closes an idle
// connection. The client answers later, so that the close takes its four segments. The entity tag.
std::string Lab::visit() {
    Socket socket = begin("page");
    send(socket, browser_request("/"));
    const std::string page = read_response(socket);
    picture_ = first_picture(page);
    if (!picture_.empty()) {
        usleep(3'000);  // a browser parses the page first
        send(socket, browser_request(picture_, {}, true));
        (void)read_response(socket);
    }
    read_to_end(socket);
    settle(kDelayedAckMs);
    socket.shut();
    settle();
    return field_value(page.substr(0, page.find("\r\n\r\n") + 2), "ETag");
}

void Lab::one_request(const std::string& id, const std::string& bytes) {
    Socket socket = begin(id);
    send(socket, bytes);
    (void)read_response(socket, bytes.starts_with("HEAD ") || id == "304");
    socket.shut();
    settle();
}

void Lab::status_cards(const std::string& etag) {
    one_request("200", plain_request("GET", "/"));
    one_request("206", plain_request("GET", "/", "Range: bytes=0-99\r\n"));
    if (!etag.empty()) {
        one_request("304", browser_request("/", fmt::format("If-None-Match: {}\r\n", etag)));
    }
    one_request("400", "GET / HTTP/1.1\r\n\r\n");  // no Host
    one_request("404", plain_request("GET", "/no-such-page"));
    one_request("405", plain_request("DELETE", "/"));
    one_request("408", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n");  // and then nothing
    one_request("414", plain_request("GET", "/" + std::string(9'000, 'a')));
    one_request("416", plain_request("GET", "/", "Range: bytes=999999999-\r\n"));
    one_request("431", plain_request("GET", "/", "X-Long: " + std::string(20'000, 'b') + "\r\n"));
    one_request("501", plain_request("BREW", "/"));
    one_request("505", plain_request("GET", "/", {}, "HTTP/3.0"));
}

void Lab::close_cards() {
    {
        const Socket socket = begin("http10");
        send(socket, plain_request("GET", "/", {}, "HTTP/1.0"));
        read_to_end(socket);  // the server closes
    }
    settle();
    {
        const Socket socket = begin("close_by_client");
        send(socket, plain_request("GET", "/"));
        (void)read_response(socket);
    }
    settle();
    {
        // A small window holds the server's answer up, so that it must acknowledge the FIN alone.
        const Socket socket = begin("half_close", kPort, kSmallWindowBytes);
        send(socket, plain_request("GET", picture_.empty() ? "/" : picture_));
        usleep(20'000);
        shutdown(socket.get(), SHUT_WR);
        settle(kDelayedAckMs);
        read_to_end(socket);
    }
    settle();
    {
        const Socket socket = begin("reset");
        send(socket, plain_request("GET", "/"));
        (void)read_response(socket);
        const linger at_once{1, 0};
        setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    settle();
    (void)begin("refused", kClosedPort);
    settle();
}

Result<void> Lab::run() {
    const std::string etag = visit();
    status_cards(etag);
    close_cards();
    if (!error_.empty()) {
        return fail(Status::io_error, error_);
    }
    if (!capture_.error().empty()) {
        return fail(Status::io_error, capture_.error());
    }
    return {};
}

std::string find_browser() {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
        const std::string paths = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
        for (std::size_t at = 0; at <= paths.size();) {
            const std::size_t end = std::min(paths.find(':', at), paths.size());
            const std::string path = paths.substr(at, end - at) + "/" + name;
            if (access(path.c_str(), X_OK) == 0) {
                return path;
            }
            at = end + 1;
        }
    }
    return {};
}

Result<void> Lab::run_browser() {
    const std::string browser = find_browser();
    if (browser.empty()) {
        return fail(Status::not_found, "--browser: Chromium is not installed");
    }
    char profile[] = "/tmp/sluice-browser-XXXXXX";
    if (mkdtemp(profile) == nullptr) {
        return failed("cannot make a directory for the browser");
    }
    const std::string url = fmt::format("http://127.0.0.1:{}/", kPort);
    const std::string data = fmt::format("--user-data-dir={}", profile);
    const char* const arguments[] = {browser.c_str(),
                                     "--headless",
                                     "--no-sandbox",
                                     "--disable-gpu",
                                     "--disable-dev-shm-usage",
                                     "--no-first-run",
                                     "--disable-background-networking",
                                     "--disable-component-update",
                                     "--disable-sync",
                                     "--timeout=3000",
                                     data.c_str(),
                                     "--dump-dom",
                                     url.c_str(),
                                     nullptr};
    const pid_t pid = fork();
    if (pid == 0) {
        const int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        execv(browser.c_str(), const_cast<char* const*>(arguments));
        _exit(127);
    }
    int status = 0;
    bool ended = false;
    for (int waited = 0; pid > 0 && waited < 12 * kPatienceMs && !ended; waited += 50) {
        settle(1);
        ended = waitpid(pid, &status, WNOHANG) == pid;
    }
    if (pid > 0 && !ended) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    settle();
    std::error_code ignored;
    std::filesystem::remove_all(profile, ignored);
    if (!ended || status != 0) {
        return fail(Status::io_error, "--browser: Chromium did not load the page");
    }
    return {};
}

}  // namespace

Result<void> enter_private_network() {
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
    return {};
}

Result<std::vector<LabCard>> run_lab(const LabOptions& options, wire::Capture& capture,
                                     const std::function<void(const wire::Frame&)>& feed) {
    ServerProcess server;
    if (auto started = server.start(options.root); !started) {
        return std::unexpected(started.error());
    }
    Lab lab(capture, feed);
    if (auto ran = lab.run(); !ran) {
        return std::unexpected(ran.error());
    }
    if (options.browser) {
        if (auto ran = lab.run_browser(); !ran) {
            return std::unexpected(ran.error());
        }
    }
    return std::move(lab.cards());
}

}  // namespace sluice
