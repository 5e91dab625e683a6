#include "tests/sim/script.h"

#include <algorithm>
#include <array>

namespace sluice::sim {

namespace {

template <typename T>
const T& any_of(SimRandom& random, const std::vector<T>& list) {
    return list[random.between<std::size_t>(0, list.size() - 1)];
}

// One of those that change.
const SiteFile& changing_file(SimRandom& random, const World& world) {
    for (;;) {
        const SiteFile& file = any_of(random, world.site());
        if (file.history != nullptr) {
            return file;
        }
    }
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
    expected.may_be_503 = file.live || file.history != nullptr;
    return expected;
}

Expected page(int status) {
    Expected expected;
    expected.status = status;
    return expected;
}

// A page because of what the file is.
Expected page_of(int status, const SiteFile& file) {
    Expected expected = page(status);
    expected.file = &file;
    expected.may_be_503 = file.live || file.history != nullptr;
    return expected;
}

// A request for `path` that can be found again in the log.
Step step_for(World& world, const std::string& path) {
    Step step;
    step.id = world.next_id();
    step.target = path + (path.find('?') == std::string::npos ? "?" : "&") + step.id;
    return step;
}

Step get_range(SimRandom& random, World& world, const SiteFile& file) {
    Step step = step_for(world, file.path);
    Expected& expected = step.expected;
    expected = whole(file);
    const std::size_t size = file.body.size();
    expected.status = 206;
    if (random.chance(0.2)) {
        expected = page_of(416, file);
        expected.content_range = "bytes */" + std::to_string(size);
        expected.ranges = {{size + 7, SIZE_MAX}};
        step.bytes =
            request_head("GET", step.target, "Range: bytes=" + std::to_string(size + 7) + "-\r\n");
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
            expected.ranges.emplace_back(first, last);
            field += (i == 0 ? "" : ", ") + std::to_string(first) + "-" + std::to_string(last);
        }
        expected.body.reset();
        expected.length.reset();
        step.bytes = request_head("GET", step.target, field + "\r\n");
        return step;
    }
    const std::size_t first = random.between<std::size_t>(0, size - 1);
    const std::size_t last = random.between<std::size_t>(first, size - 1);
    expected.ranges = {{first, last}};
    expected.body = file.body.substr(first, last - first + 1);
    expected.length = expected.body->size();
    expected.content_range =
        "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(size);
    std::string fields =
        "Range: bytes=" + std::to_string(first) + "-" + std::to_string(last) + "\r\n";
    if (const std::string etag = world.etag(file.path);
        etag.starts_with('"') && random.chance(0.3)) {
        fields += "If-Range: " + etag + "\r\n";
        expected.if_first = true;
    }
    step.bytes = request_head("GET", step.target, fields);
    return step;
}

Step conditional(SimRandom& random, World& world, const SiteFile& file) {
    Step step = step_for(world, file.path);
    const std::string etag = world.etag(file.path);
    switch (random.between(0, 3)) {
        case 0:
            if (!etag.empty() && !file.live) {
                step.bytes = request_head("GET", step.target, "If-None-Match: " + etag + "\r\n");
                step.expected = page_of(304, file);
                step.expected.no_body = true;
                step.expected.if_first = true;
                return step;
            }
            [[fallthrough]];
        case 1:
            step.bytes = request_head("GET", step.target, "If-None-Match: \"other\"\r\n");
            step.expected = whole(file);
            return step;
        case 2:
            step.bytes = request_head("GET", step.target, "If-Match: \"other\"\r\n");
            step.expected = page_of(412, file);
            return step;
        default:
            step.bytes = request_head("GET", step.target,
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

Step with_body(SimRandom& random, World& world, const SiteFile& file) {
    Step step = step_for(world, file.path);
    const bool get = random.chance(0.5);
    const bool expects = get && random.chance(0.3);
    step.expected = get ? whole(file) : page(405);
    step.expected.interim = expects;
    const std::string expect = expects ? "Expect: 100-continue\r\n" : "";
    const auto bytes = random.between<std::size_t>(0, random.chance(0.2) ? 60'000 : 300);
    const char* method = get ? "GET" : (random.chance(0.5) ? "POST" : "PUT");
    if (random.chance(0.5)) {
        step.bytes = request_head(method, step.target,
                                  expect + "Content-Length: " + std::to_string(bytes) + "\r\n") +
                     std::string(bytes, 'b');
        step.expected.interim = expects && bytes > 0;
    } else {
        step.bytes = request_head(method, step.target, expect + "Transfer-Encoding: chunked\r\n") +
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

Step ordinary_request(SimRandom& random, World& world) {
    const bool changing = world.changes() && random.chance(0.5);
    const SiteFile& file = changing ? changing_file(random, world) : any_of(random, world.site());
    Step step = step_for(world, file.path);
    switch (random.between(0, 13)) {
        case 0:
            step.bytes = request_head("HEAD", step.target, "");
            step.expected = whole(file);
            step.expected.no_body = true;
            break;
        case 1:
        case 2:
            if (file.body.size() > 0) {
                step = get_range(random, world, file);
                break;
            }
            [[fallthrough]];
        case 3: step = conditional(random, world, file); break;
        case 4:
            step = step_for(world, "/nothing/here");
            step.bytes = request_head(random.chance(0.7) ? "GET" : "HEAD", step.target, "");
            step.expected = page(404);
            step.expected.no_body = step.bytes.starts_with("HEAD");
            break;
        case 5:
            step = step_for(world, "/sub?a=b");
            step.bytes = request_head("GET", step.target, "");
            step.expected = page(301);
            break;
        case 6: step = with_body(random, world, file); break;
        case 7:
            step.id.clear();
            step.bytes = request_head("OPTIONS", "*", "");
            step.expected = page(204);
            step.expected.no_body = true;
            break;
        case 8:
            step.bytes = request_head(random.chance(0.5) ? "BREW" : "DELETE", step.target, "");
            step.expected = page(step.bytes.starts_with("BREW") ? 501 : 405);
            break;
        case 9:
            step = step_for(world, "/%zz");
            step.bytes = request_head("GET", step.target, "");
            step.expected = page(400);
            break;
        case 10:
            step.bytes = "GET " + step.target + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
            step.expected = whole(file);
            break;
        default:
            step.bytes = request_head("GET", step.target, "");
            step.expected = whole(file);
            break;
    }
    if (random.chance(0.05)) {
        step.bytes.insert(0, "\r\n");  // RFC 9112 section 2.2: one empty line before is ignored
    }
    return step;
}

Step last_request(SimRandom& random, World& world) {
    const SiteFile& file = any_of(random, world.site());
    if (random.chance(0.5)) {
        return malformed(random);
    }
    Step step = step_for(world, file.path);
    step.bytes = random.chance(0.5) ? "GET " + step.target + " HTTP/1.0\r\n\r\n"
                                    : request_head("GET", step.target, "Connection: close\r\n");
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

std::string multipart_body(const Expected& expected, std::string_view bytes,
                           const std::string& head) {
    const std::string type = field(head, "Content-Type");
    const std::size_t at = type.find("boundary=");
    if (at == std::string::npos) {
        return "(no boundary)";
    }
    const std::string boundary = type.substr(at + 9);
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
                std::to_string(bytes.size()) + "\r\n\r\n";
        body += bytes.substr(first, last - first + 1);
    }
    return body + "\r\n--" + boundary + "--\r\n";
}

namespace {

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

std::string complaint(const Expected& expected, const Response& response, Span span) {
    if (expected.may_be_503 && response.status == 503) {
        return "";
    }
    if (expected.file != nullptr && expected.file->history != nullptr) {
        return complaint_of_changing(expected, response, span);
    }
    if (std::string wrong = complaint_of_head(expected, response); !wrong.empty()) {
        return wrong;
    }
    if (expected.no_body) {
        return response.body.empty() ? "" : "a body where none may be";
    }
    const bool known = expected.body || !expected.parts.empty();
    const std::string body = expected.parts.empty()
                                 ? expected.body.value_or(response.body)
                                 : multipart_body(expected, expected.file->body, response.head);
    if (!response.whole) {
        return body.starts_with(response.body) ? "" : "the body is not what was asked for";
    }
    if (!known) {
        const std::string number = std::to_string(expected.status);
        return response.body.find("<h1>" + number) != std::string::npos ? "" : "not a page";
    }
    return response.body == body ? "" : "the body differs";
}

}  // namespace sluice::sim
