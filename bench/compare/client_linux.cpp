#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "backends/posix/socket.h"
#include "bench/compare/client.h"

namespace sluice::compare {

namespace {

constexpr Nanos kReadyPatience = 20 * kSecond;
constexpr timeval kPatience{10, 0};  // for one send or receive

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

std::unexpected<Error> failed(const std::string& what) {
    return fail(Status::io_error, what + ": " + std::strerror(errno), errno);
}

class Connection {
  public:
    explicit Connection(std::uint16_t port) {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
        const sockaddr_in address = loopback(port);
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            const int error = errno;
            ::close(fd_);
            fd_ = -1;
            errno = error;
        }
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    [[nodiscard]] bool open() const { return fd_ >= 0; }
    [[nodiscard]] int give_away() { return std::exchange(fd_, -1); }
    [[nodiscard]] bool send(const std::string& text) const {
        std::size_t sent = 0;
        while (sent < text.size()) {
            const ssize_t now = ::send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (now <= 0) {
                return false;
            }
            sent += static_cast<std::size_t>(now);
        }
        return true;
    }
    // More bytes behind `text`; 0 at the end of the stream, less than 0 on an error.
    [[nodiscard]] ssize_t receive(std::string& text) const {
        char part[16 * 1024];
        const ssize_t got = ::recv(fd_, part, sizeof part, 0);
        if (got > 0) {
            text.append(part, static_cast<std::size_t>(got));
        }
        return got;
    }

  private:
    int fd_ = -1;
};

std::string request_text(std::uint16_t port, const std::string& path,
                         const std::vector<std::string>& fields) {
    std::string text =
        "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\n";
    for (const std::string& field : fields) {
        text += field + "\r\n";
    }
    return text + "\r\n";
}

// The value of the first field of that name (lower case); empty when there is none.
std::string field_of(const std::string& head, const std::string& name) {
    std::string lower = head;
    for (char& c : lower) {
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    const std::size_t at = lower.find("\r\n" + name + ":");
    if (at == std::string::npos) {
        return "";
    }
    const std::size_t from = head.find_first_not_of(' ', at + name.size() + 3);
    return head.substr(from, head.find("\r\n", from) - from);
}

// Of the digits that `text` begins with; 0 of none.
std::size_t number_of(std::string_view text) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

Result<std::uint16_t> free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    const bool bound =
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(fd);
    if (!bound) {
        return failed("no free port on 127.0.0.1");
    }
    return ntohs(address.sin_port);
}

Result<void> wait_ready(std::uint16_t port, const Process& server) {
    const Nanos end = posix::monotonic_now() + kReadyPatience;
    while (posix::monotonic_now() < end) {
        if (!server.running()) {
            return fail(Status::io_error, "it ended at once: " + server.last_words());
        }
        if (Connection(port).open()) {
            return {};
        }
        const timespec nap{0, kMillisecond / 2};
        ::nanosleep(&nap, nullptr);
    }
    return fail(Status::timed_out, "it does not listen: " + server.last_words());
}

Result<Answer> ask(std::uint16_t port, const std::string& path,
                   const std::vector<std::string>& fields) {
    const Connection connection(port);
    if (!connection.open()) {
        return failed("it cannot be connected to");
    }
    std::vector<std::string> all = fields;
    std::erase_if(all, [](const std::string& field) { return field.starts_with("Connection:"); });
    all.emplace_back("Connection: close");
    std::string text;
    ssize_t got = connection.send(request_text(port, path, all)) ? 1 : -1;
    std::size_t head_end = std::string::npos;
    std::size_t whole = std::string::npos;
    // To the end of the stream, or of what the head announces: floors keep the connection open.
    while (got > 0 && text.size() < whole) {
        got = connection.receive(text);
        if (head_end == std::string::npos) {
            head_end = text.find("\r\n\r\n");
            const std::string length =
                head_end == std::string::npos
                    ? ""
                    : field_of(text.substr(0, head_end + 2), "content-length");
            if (!length.empty() && !text.starts_with("HTTP/1.1 304")) {
                whole = head_end + 4 + number_of(length);
            }
        }
    }
    if (got < 0) {
        return failed("no whole answer came");
    }
    if (head_end == std::string::npos || !text.starts_with("HTTP/1.") || text.size() < 12) {
        return fail(Status::io_error, "what it answers is no HTTP");
    }
    Answer answer;
    answer.status = static_cast<int>(number_of(std::string_view(text).substr(9)));
    answer.etag = field_of(text.substr(0, head_end + 2), "etag");
    answer.body = text.substr(head_end + 4);
    return answer;
}

Result<HeldConnections> HeldConnections::open(std::uint16_t port, unsigned count,
                                              std::size_t body_bytes,
                                              const std::atomic<bool>* stop) {
    HeldConnections held;
    held.sockets_.reserve(count);
    const std::string request = request_text(port, "/", {});
    for (unsigned i = 0; i < count && !(stop != nullptr && stop->load()); ++i) {
        Connection connection(port);
        std::string text;
        bool fine = connection.open() && connection.send(request);
        std::size_t head_end = std::string::npos;
        while (fine && (head_end == std::string::npos || text.size() - head_end - 4 < body_bytes)) {
            fine = connection.receive(text) > 0;
            head_end = text.find("\r\n\r\n");
        }
        if (!fine) {
            return fail(Status::io_error,
                        "connection number " + std::to_string(i + 1) + " got no answer");
        }
        held.sockets_.push_back(connection.give_away());
    }
    return held;
}

HeldConnections::~HeldConnections() {
    for (const int socket : sockets_) {
        ::close(socket);
    }
}

}  // namespace sluice::compare
