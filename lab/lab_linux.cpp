#include "lab/lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "lab/kernel_view.h"
#include "lab/server.h"

namespace sluice {

namespace {

constexpr std::uint16_t kPrivatePort = 8080;  // free in a network of our own
constexpr int kTimeoutMs = 5'000;             // for answers that should come at once
constexpr int kSettleMs = 120;                // a step is over after so long without a frame
constexpr int kDelayedAckMs = 250;            // longer than a kernel delays an ACK
constexpr int kSmallWindowBytes = 2'048;

[[nodiscard]] std::unexpected<Error> failed(const std::string& what) {
    return fail(Status::io_error, fmt::format("{}: {}", what, std::strerror(errno)), errno);
}

// The request of the client in the seed's lab report, field by field.
std::string browser_request(std::uint16_t port, const std::string& target,
                            const std::string& more = {}, bool image = false) {
    std::string text = fmt::format(
        "GET {} HTTP/1.1\r\n"
        "Host: 127.0.0.1:{}\r\n"
        "Connection: keep-alive\r\n"
        "sec-ch-ua: \"Chromium\";v=\"106\", \"Google Chrome\";v=\"106\", "
        "\"Not;A=Brand\";v=\"99\"\r\n"
        "sec-ch-ua-mobile: ?0\r\n",
        target, port);
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
            port);
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
        "Accept-Language: zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7\r\n"
        "Cookie: SL_G_WPT_TO=zh; SL_GWPT_Show_Hide_tmp=1; SL_wptGlobTipTm=1\r\n";
    return text + more + "\r\n";
}

std::string field_value(const std::string& head, const std::string& name) {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) {
        return {};
    }
    const std::size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
}

// The target of the page's first image, if it is on this server.
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

Nanos now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

// The client, and the servers that it connects to.
class Lab::Client {
  public:
    explicit Client(const LabOptions& options) : options_(options) {}

    [[nodiscard]] Result<void> start();
    [[nodiscard]] std::string filter() const;
    [[nodiscard]] Result<void> run(wire::Capture* capture,
                                   const std::function<void(const wire::Frame&)>& feed);
    [[nodiscard]] const std::vector<LabScenario>& scenarios() const { return scenarios_; }
    [[nodiscard]] const std::string& server_command() const { return server_.command(); }

  private:
    struct Connection {
        Socket socket;
        std::size_t scenario = 0;
    };

    [[nodiscard]] Connection begin(const std::string& id, std::uint16_t port, int buffer = 0);
    void send(const Connection& connection, const std::string& bytes);
    [[nodiscard]] std::string read_some(const Connection& connection);
    // One response by its Content-Length, or everything up to the connection's end.
    [[nodiscard]] std::string read_response(const Connection& connection, bool head_only = false);
    void read_to_end(const Connection& connection);
    void settle(int settle_ms = kSettleMs);
    void look(wire::KernelStep::When when, const Connection& connection);

    [[nodiscard]] std::string visit();
    [[nodiscard]] Result<void> run_browser();
    void status_scenarios(const std::string& etag);
    void close_scenarios();
    void one_request(const std::string& id, std::uint16_t port, const std::string& bytes);
    [[nodiscard]] std::string request(const std::string& method, const std::string& target,
                                      const std::string& more = {},
                                      const std::string& version = "HTTP/1.1") const;

    const LabOptions options_;
    LabRoot root_;
    ServerProcess server_;
    ServerProcess moved_;  // serves the lab's own root, if there is one
    Socket closed_;        // bound, but not listening
    std::uint16_t closed_port_ = 0;
    wire::Capture* capture_ = nullptr;
    const std::function<void(const wire::Frame&)>* feed_ = nullptr;
    std::vector<LabScenario> scenarios_;
    std::string picture_;
    std::string error_;
};

Result<void> Lab::Client::start() {
    if (auto found = root_.find(options_.root); !found) {
        return found;
    }
    if (auto up = server_.start(options_.root, options_.private_network ? kPrivatePort : 0); !up) {
        return up;
    }
    if (!root_.own_root().empty()) {
        if (auto up = moved_.start(root_.own_root(), 0); !up) {
            return up;
        }
    }
    closed_ = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(closed_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        getsockname(closed_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return failed("cannot take a port");
    }
    closed_port_ = ntohs(address.sin_port);
    return {};
}

// A private network carries nothing else.
std::string Lab::Client::filter() const {
    if (options_.private_network) {
        return "tcp";
    }
    std::string text = fmt::format("tcp port {} or tcp port {}", server_.port(), closed_port_);
    return moved_.port() == 0 ? text : text + fmt::format(" or tcp port {}", moved_.port());
}

// Reads captured frames until no more come for `settle_ms`.
void Lab::Client::settle(int settle_ms) {
    if (capture_ == nullptr) {
        usleep(static_cast<useconds_t>(settle_ms) * 1000);
        return;
    }
    for (int idle_ms = 0; idle_ms < settle_ms;) {
        const wire::Frame* frame = capture_->next();
        if (frame != nullptr) {
            (*feed_)(*frame);
            idle_ms = 0;
        } else if (capture_->ended()) {
            return;
        } else {
            idle_ms += 50;  // the capture's own timeout
        }
    }
}

void Lab::Client::look(wire::KernelStep::When when, const Connection& connection) {
    if (capture_ == nullptr) {
        LabScenario& scenario = scenarios_[connection.scenario];
        scenario.steps.push_back(
            read_kernel_state(when, connection.socket.get(), scenario.client_port, server_.port()));
    }
}

Lab::Client::Connection Lab::Client::begin(const std::string& id, std::uint16_t port, int buffer) {
    Connection connection{Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                          scenarios_.size()};
    const int socket = connection.socket.get();
    const timeval timeout{kTimeoutMs / 1000, 0};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (buffer != 0) {
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    sockaddr_in mine = loopback(0);
    socklen_t size = sizeof mine;
    const sockaddr_in server = loopback(port);
    const bool bound = bind(socket, reinterpret_cast<const sockaddr*>(&mine), sizeof mine) == 0 &&
                       getsockname(socket, reinterpret_cast<sockaddr*>(&mine), &size) == 0;
    const bool connected =
        bound && connect(socket, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0;
    if (!connected && (port != closed_port_ || errno != ECONNREFUSED)) {
        error_ = fmt::format("the lab's client cannot connect: {}", std::strerror(errno));
    }
    scenarios_.push_back({id, ntohs(mine.sin_port), {}, {}});
    return connection;
}

void Lab::Client::send(const Connection& connection, const std::string& bytes) {
    scenarios_[connection.scenario].transcript.push_back({true, now(), bytes});
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t some =
            ::send(connection.socket.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (some <= 0) {
            return;  // the server refused the rest, as some scenarios intend
        }
        sent += static_cast<std::size_t>(some);
    }
}

std::string Lab::Client::read_some(const Connection& connection) {
    char part[64 << 10];
    const ssize_t got = recv(connection.socket.get(), part, sizeof part, 0);
    std::string bytes = got > 0 ? std::string(part, static_cast<std::size_t>(got)) : std::string();
    if (!bytes.empty()) {
        scenarios_[connection.scenario].transcript.push_back({false, now(), bytes});
    }
    return bytes;
}

std::string Lab::Client::read_response(const Connection& connection, bool head_only) {
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
        const std::string part = read_some(connection);
        if (part.empty()) {
            return bytes;
        }
        bytes += part;
    }
}

void Lab::Client::read_to_end(const Connection& connection) {
    while (!read_some(connection).empty()) {
    }
}

std::string Lab::Client::request(const std::string& method, const std::string& target,
                                 const std::string& more, const std::string& version) const {
    return fmt::format("{} {} {}\r\nHost: 127.0.0.1:{}\r\n{}\r\n", method, target, version,
                       server_.port(), more);
}

// Gets the page, then its logo on the same connection, then waits until the server closes the idle
// connection. The client closes later, so that the close takes four segments. Returns the entity
// tag.
std::string Lab::Client::visit() {
    using When = wire::KernelStep::When;
    Connection connection = begin("page", server_.port());
    look(When::connected, connection);
    send(connection, browser_request(server_.port(), "/"));
    const std::string page = read_response(connection);
    look(When::page, connection);
    picture_ = first_picture(page);
    if (!picture_.empty()) {
        usleep(3'000);  // a browser parses the page first
        send(connection, browser_request(server_.port(), picture_, {}, true));
        (void)read_response(connection);
        look(When::logo, connection);
    }
    read_to_end(connection);
    settle(kDelayedAckMs);
    look(When::server_closed, connection);
    connection.socket.shut();
    settle();
    look(When::client_closed, connection);
    return field_value(page.substr(0, page.find("\r\n\r\n") + 2), "ETag");
}

void Lab::Client::one_request(const std::string& id, std::uint16_t port, const std::string& bytes) {
    Connection connection = begin(id, port);
    send(connection, bytes);
    (void)read_response(connection, id == "304");
    connection.socket.shut();
    settle();
}

void Lab::Client::status_scenarios(const std::string& etag) {
    const std::uint16_t port = server_.port();
    one_request("200", port, request("GET", "/"));
    one_request("206", port, request("GET", "/", "Range: bytes=0-99\r\n"));
    one_request(root_.own_root().empty() ? "301" : "301_own",
                root_.own_root().empty() ? port : moved_.port(), request("GET", root_.target()));
    if (!etag.empty()) {
        one_request("304", port,
                    browser_request(port, "/", fmt::format("If-None-Match: {}\r\n", etag)));
    }
    one_request("400", port, "GET / HTTP/1.1\r\n\r\n");  // no Host
    one_request("404", port, request("GET", "/no-such-page"));
    one_request("405", port, request("DELETE", "/"));
    one_request("408", port, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n");  // and then nothing
    one_request("414", port, request("GET", "/" + std::string(9'000, 'a')));
    one_request("416", port, request("GET", "/", "Range: bytes=999999999-\r\n"));
    one_request("431", port, request("GET", "/", "X-Long: " + std::string(20'000, 'b') + "\r\n"));
    one_request("501", port, request("BREW", "/"));
    one_request("505", port, request("GET", "/", {}, "HTTP/3.0"));
}

void Lab::Client::close_scenarios() {
    {
        const Connection connection = begin("http10", server_.port());
        send(connection, request("GET", "/", {}, "HTTP/1.0"));
        read_to_end(connection);  // the server closes
    }
    settle();
    {
        const Connection connection = begin("close_by_client", server_.port());
        send(connection, request("GET", "/"));
        (void)read_response(connection);
    }
    settle();
    {
        // A small window delays the response, so that the server acknowledges the FIN separately.
        const Connection connection = begin("half_close", server_.port(), kSmallWindowBytes);
        send(connection, request("GET", picture_.empty() ? "/" : picture_));
        usleep(20'000);
        shutdown(connection.socket.get(), SHUT_WR);
        settle(kDelayedAckMs);
        read_to_end(connection);
    }
    settle();
    {
        const Connection connection = begin("reset", server_.port());
        send(connection, request("GET", "/"));
        (void)read_response(connection);
        const linger at_once{1, 0};
        setsockopt(connection.socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    settle();
    (void)begin("refused", closed_port_);
    settle();
}

Result<void> Lab::Client::run(wire::Capture* capture,
                              const std::function<void(const wire::Frame&)>& feed) {
    capture_ = capture;
    feed_ = &feed;
    const std::string etag = visit();
    status_scenarios(etag);
    close_scenarios();
    if (!error_.empty()) {
        return fail(Status::io_error, error_);
    }
    if (options_.browser) {
        if (auto ran = run_browser(); !ran) {
            return ran;
        }
    }
    if (capture != nullptr && !capture->error().empty()) {
        return fail(Status::io_error, capture->error());
    }
    return {};
}

Result<void> Lab::Client::run_browser() {
    const std::string browser = find_browser();
    if (browser.empty()) {
        return fail(Status::not_found, "--browser: Chromium is not installed");
    }
    char profile[] = "/tmp/sluice-browser-XXXXXX";
    if (mkdtemp(profile) == nullptr) {
        return failed("cannot make a directory for the browser");
    }
    const std::string url = fmt::format("http://127.0.0.1:{}/", server_.port());
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
    for (int waited = 0; pid > 0 && waited < 12 * kTimeoutMs && !ended; waited += 50) {
        settle(50);
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

// ---- the handle

Lab::Lab(std::unique_ptr<Client> client) : client_(std::move(client)) {}
Lab::Lab(Lab&&) noexcept = default;
Lab::~Lab() = default;

Result<Lab> Lab::start(const LabOptions& options) {
    auto client = std::make_unique<Client>(options);
    if (auto started = client->start(); !started) {
        return std::unexpected(started.error());
    }
    return Lab(std::move(client));
}

std::string Lab::filter() const {
    return client_->filter();
}

Result<void> Lab::run(wire::Capture* capture, const std::function<void(const wire::Frame&)>& feed) {
    return client_->run(capture, feed);
}

const std::string& Lab::server_command() const {
    return client_->server_command();
}

const std::vector<LabScenario>& Lab::scenarios() const {
    return client_->scenarios();
}

Result<void> lab_possible() {
    return {};
}

}  // namespace sluice
