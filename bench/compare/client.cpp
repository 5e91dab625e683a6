#include "bench/compare/client.h"

#include <cctype>
#include <charconv>
#include <chrono>
#include <string_view>
#include <thread>

#include "bench/load/system.h"

namespace sluice::compare {

namespace {

constexpr Nanos kReadyTimeout = 20 * kSecond;

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

// The number that `text` begins with; 0 without digits.
std::size_t number_of(std::string_view text) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

Result<void> wait_ready(std::uint16_t port, const Process& server) {
    const Nanos end = load::monotonic_now() + kReadyTimeout;
    while (load::monotonic_now() < end) {
        if (!server.running()) {
            return fail(Status::io_error, "it ended at once: " + server.last_line());
        }
        if (Connection(port).open()) {
            return {};
        }
        std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    return fail(Status::timed_out, "it does not listen: " + server.last_line());
}

Result<Answer> ask(std::uint16_t port, const std::string& path,
                   const std::vector<std::string>& fields) {
    Connection connection(port);
    if (!connection.open()) {
        return fail(Status::io_error, "it cannot be connected to: " + connection.error());
    }
    std::vector<std::string> all = fields;
    std::erase_if(all, [](const std::string& field) { return field.starts_with("Connection:"); });
    all.emplace_back("Connection: close");
    std::string text;
    std::ptrdiff_t got = connection.send(request_text(port, path, all)) ? 1 : -1;
    std::size_t head_end = std::string::npos;
    std::size_t whole = std::string::npos;
    // To the end of the stream, or of the announced length: floors keep the connection open.
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
        return fail(Status::io_error, "no whole answer came: " + connection.error());
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
    held.connections_.reserve(count);
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
        held.connections_.push_back(std::move(connection));
    }
    return held;
}

}  // namespace sluice::compare
