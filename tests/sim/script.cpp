#include "tests/sim/script.h"

#include <algorithm>
#include <array>

namespace sluice::sim {

namespace {

// Larger ones are sent from a file (ContentOptions::block_bytes_max).
constexpr std::size_t kInMemoryMax = 16 * 1024;

template <typename T>
const T& any_of(SimRandom& random, const std::vector<T>& list) {
    return list[random.between<std::size_t>(0, list.size() - 1)];
}

std::string request_head(std::string_view method, std::string_view target, std::string_view more) {
    std::string head;
    head.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: example.org\r\n");
    return head.append(more).append("\r\n");
}

Expected whole(const SiteFile& file) {
    Expected expected;
    expected.body = file.body;
    expected.length = file.body.size();
    expected.file = &file;
    expected.may_be_503 = file.live;
    expected.from_file = file.live || file.body.size() > kInMemoryMax;
    return expected;
}

Expected page(int status) {
    Expected expected;
    expected.status = status;
    return expected;
}

Step get_range(SimRandom& random, const SiteFile& file) {
    Step step;
    Expected& expected = step.expected;
    expected = whole(file);
    const std::size_t size = file.body.size();
    expected.status = 206;
    if (random.chance(0.2)) {
        expected = page(416);
        expected.content_range = "bytes */" + std::to_string(size);
        expected.may_be_503 = file.live;
        step.bytes =
            request_head("GET", file.path, "Range: bytes=" + std::to_string(size + 7) + "-\r\n");
        return step;
    }
    if (size > 1'000 && random.chance(0.4)) {
        // Three stretches with holes between them.
        const std::size_t third = size / 3;
        std::string field = "Range: bytes=";
        for (std::size_t i = 0; i < 3; ++i) {
            const std::size_t first = i * third + random.between<std::size_t>(1, third / 4);
            const std::size_t last = first + random.between<std::size_t>(0, third / 2);
            expected.parts.emplace_back(first, last);
            field += (i == 0 ? "" : ", ") + std::to_string(first) + "-" + std::to_string(last);
        }
        expected.body.reset();
        expected.length.reset();
        step.bytes = request_head("GET", file.path, field + "\r\n");
        return step;
    }
    const std::size_t first = random.between<std::size_t>(0, size - 1);
    const std::size_t last = random.between<std::size_t>(first, size - 1);
    expected.body = file.body.substr(first, last - first + 1);
    expected.length = expected.body->size();
    expected.content_range =
        "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(size);
    step.bytes =
        request_head("GET", file.path,
                     "Range: bytes=" + std::to_string(first) + "-" + std::to_string(last) + "\r\n");
    return step;
}

Step conditional(SimRandom& random, const World& world, const SiteFile& file) {
    Step step;
    const std::string etag = world.etag(file.path);
    switch (random.between(0, 3)) {
        case 0:
            if (!etag.empty() && !file.live) {
                step.bytes = request_head("GET", file.path, "If-None-Match: " + etag + "\r\n");
                step.expected = page(304);
                step.expected.no_body = true;
                return step;
            }
            [[fallthrough]];
        case 1:
            step.bytes = request_head("GET", file.path, "If-None-Match: \"other\"\r\n");
            step.expected = whole(file);
            return step;
        case 2:
            step.bytes = request_head("GET", file.path, "If-Match: \"other\"\r\n");
            step.expected = page(412);
            step.expected.may_be_503 = file.live;
            return step;
        default:
            step.bytes = request_head("GET", file.path,
                                      "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT\r\n");
            step.expected = whole(file);
            return step;
    }
}

std::string chunked(SimRandom& random, std::size_t bytes) {
    std::string body;
    while (bytes > 0) {
        const std::size_t size = random.between<std::size_t>(1, bytes);
        char number[20];
        std::snprintf(number, sizeof number, "%zx", size);
        body.append(number).append("\r\n").append(size, 'c').append("\r\n");
        bytes -= size;
    }
    return body + "0\r\n" + (random.chance(0.3) ? "Checksum: none\r\n" : "") + "\r\n";
}

Step with_body(SimRandom& random, const SiteFile& file) {
    Step step;
    const bool get = random.chance(0.5);
    const bool expects = get && random.chance(0.3);
    step.expected = get ? whole(file) : page(405);
    step.expected.interim = expects;
    const std::string expect = expects ? "Expect: 100-continue\r\n" : "";
    const auto bytes = random.between<std::size_t>(0, random.chance(0.2) ? 60'000 : 300);
    const char* method = get ? "GET" : (random.chance(0.5) ? "POST" : "PUT");
    if (random.chance(0.5)) {
        step.bytes = request_head(method, file.path,
                                  expect + "Content-Length: " + std::to_string(bytes) + "\r\n") +
                     std::string(bytes, 'b');
        step.expected.interim = expects && bytes > 0;
    } else {
        step.bytes = request_head(method, file.path, expect + "Transfer-Encoding: chunked\r\n") +
                     chunked(random, bytes);
    }
    return step;
}

// Malformed in one way or another: the answer, and then the end.
Step malformed(SimRandom& random) {
    struct Case {
        std::string bytes;
        int status;
    };
    const std::string host = "Host: example.org\r\n";
    static const std::vector<Case> kCases = {
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
        {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
        {"GET / HTTP/1.1\r\nHost : example.org\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: example.org\nX: y\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" + host +
             "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999\r\n\r\nabc", 413},
        {"GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\n" + host + "\r\n", 414},
        {"GET / HTTP/1.1\r\n" + host + "X-Long: " + std::string(17'000, 'y') + "\r\n\r\n", 431},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello TLS\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nabcde",
         405},
    };
    const Case& chosen = any_of(random, kCases);
    Step step;
    step.bytes = chosen.bytes;
    if (random.chance(0.3)) {
        step.bytes += std::string(random.between<std::size_t>(1, 30'000), 'z');  // and more of it
    }
    step.expected = page(chosen.status);
    step.expected.ends = true;
    return step;
}

}  // namespace

Step ordinary_request(SimRandom& random, const World& world) {
    const SiteFile& file = any_of(random, site());
    Step step;
    switch (random.between(0, 13)) {
        case 0:
            step.bytes = request_head("HEAD", file.path, "");
            step.expected = whole(file);
            step.expected.no_body = true;
            break;
        case 1:
        case 2:
            if (file.body.size() > 0) {
                step = get_range(random, file);
                break;
            }
            [[fallthrough]];
        case 3: step = conditional(random, world, file); break;
        case 4:
            step.bytes = request_head(random.chance(0.7) ? "GET" : "HEAD", "/nothing/here", "");
            step.expected = page(404);
            step.expected.no_body = step.bytes.starts_with("HEAD");
            break;
        case 5:
            step.bytes = request_head("GET", "/sub?a=b", "");
            step.expected = page(301);
            break;
        case 6: step = with_body(random, file); break;
        case 7:
            step.bytes = request_head("OPTIONS", "*", "");
            step.expected = page(204);
            step.expected.no_body = true;
            break;
        case 8:
            step.bytes = request_head(random.chance(0.5) ? "BREW" : "DELETE", "/", "");
            step.expected = page(step.bytes.starts_with("BREW") ? 501 : 405);
            break;
        case 9:
            step.bytes = request_head("GET", "/%zz", "");
            step.expected = page(400);
            break;
        case 10:
            step.bytes = "GET " + file.path + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
            step.expected = whole(file);
            break;
        default:
            step.bytes = request_head("GET", file.path, "");
            step.expected = whole(file);
            break;
    }
    if (random.chance(0.05)) {
        step.bytes.insert(0, "\r\n");  // RFC 9112 section 2.2: one empty line before is ignored
    }
    return step;
}

Step last_request(SimRandom& random, const World&) {
    const SiteFile& file = any_of(random, site());
    if (random.chance(0.5)) {
        return malformed(random);
    }
    Step step;
    step.bytes = random.chance(0.5) ? "GET " + file.path + " HTTP/1.0\r\n\r\n"
                                    : request_head("GET", file.path, "Connection: close\r\n");
    step.expected = whole(file);
    step.expected.ends = true;
    return step;
}

std::string field(const std::string& head, std::string_view name) {
    const std::string start = "\r\n" + std::string(name) + ": ";
    const std::size_t at = head.find(start);
    if (at == std::string::npos) {
        return "";
    }
    const std::size_t begin = at + start.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
}

namespace {

std::string multipart_body(const Expected& expected, const std::string& head) {
    const std::string type = field(head, "Content-Type");
    const std::size_t at = type.find("boundary=");
    if (at == std::string::npos) {
        return "(no boundary)";
    }
    const std::string boundary = type.substr(at + 9);
    const std::string& bytes = expected.file->body;
    std::string body;
    for (const auto& [first, last] : expected.parts) {
        body += (body.empty() ? "--" : "\r\n--") + boundary + "\r\n";
        const bool jpeg = expected.file->path.ends_with(".jpg");
        const bool text = expected.file->path.ends_with(".txt");
        const bool binary = expected.file->path.ends_with(".bin");
        body += std::string("Content-Type: ") +
                (jpeg     ? "image/jpeg"
                 : text   ? "text/plain; charset=utf-8"
                 : binary ? "application/octet-stream"
                          : "text/html; charset=utf-8") +
                "\r\n";
        body += "Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
                std::to_string(bytes.size()) + "\r\n\r\n" + bytes.substr(first, last - first + 1);
    }
    return body + "\r\n--" + boundary + "--\r\n";
}

std::string complaint_of_head(const Expected& expected, const Response& response) {
    if (response.status != expected.status) {
        return "status " + std::to_string(response.status) + " instead of " +
               std::to_string(expected.status);
    }
    if (expected.length &&
        field(response.head, "Content-Length") != std::to_string(*expected.length)) {
        return "Content-Length " + field(response.head, "Content-Length") + " instead of " +
               std::to_string(*expected.length);
    }
    if (field(response.head, "Content-Range") != expected.content_range) {
        return "Content-Range '" + field(response.head, "Content-Range") + "' instead of '" +
               expected.content_range + "'";
    }
    if (field(response.head, "Date").size() != 29) {
        return "no Date";
    }
    if (expected.ends && field(response.head, "Connection") != "close") {
        return "the close is not announced";
    }
    return "";
}

}  // namespace

std::string complaint_of_cut(const Expected& expected, const Response& response) {
    if (expected.may_be_503 && response.status == 503) {
        return "";
    }
    if (std::string wrong = complaint_of_head(expected, response); !wrong.empty()) {
        return wrong;
    }
    const bool known = expected.body || !expected.parts.empty();
    const std::string body = !known                   ? response.body
                             : expected.parts.empty() ? *expected.body
                                                      : multipart_body(expected, response.head);
    return body.starts_with(response.body) ? "" : "the body is not what was asked for";
}

std::string complaint(const Expected& expected, const Response& response) {
    if (expected.may_be_503 && response.status == 503) {
        return "";
    }
    if (std::string wrong = complaint_of_head(expected, response); !wrong.empty()) {
        return wrong;
    }
    if (expected.no_body) {
        return response.body.empty() ? "" : "a body where none may be";
    }
    if (!expected.parts.empty()) {
        return response.body == multipart_body(expected, response.head) ? "" : "wrong multipart";
    }
    if (!expected.body) {
        const std::string number = std::to_string(expected.status);
        return response.body.find("<h1>" + number) != std::string::npos ? "" : "not a page";
    }
    return response.body == *expected.body ? "" : "the body differs";
}

}  // namespace sluice::sim
