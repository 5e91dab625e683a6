#include "http1/response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/fields.h"
#include "http/multipart.h"
#include "http/pages.h"

namespace sluice::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kModified = 784'111'777;
constexpr std::int64_t kNow = 1'790'000'000;
constexpr const char* kDate = "Date: Mon, 21 Sep 2026 14:13:20 GMT\r\n";

// A response taken apart, so that tests name what they look at.
struct Response {
    ResponsePlan plan;
    std::string head;
    std::string page;  // what came after the head in the same buffer
    bool body_written = false;

    [[nodiscard]] std::string status_line() const { return head.substr(0, head.find("\r\n")); }
    // The values of all lines with this name, joined with "|"; "-" when there is none.
    [[nodiscard]] std::string field(const std::string& name) const {
        std::string value;
        std::size_t at = 0;
        while ((at = head.find("\r\n" + name + ": ", at)) != std::string::npos) {
            at += name.size() + 4;
            value += (value.empty() ? "" : "|") + head.substr(at, head.find("\r\n", at) - at);
        }
        return value.empty() ? "-" : value;
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> names;
        std::size_t at = head.find("\r\n") + 2;
        while (head.compare(at, 2, "\r\n") != 0) {
            names.push_back(head.substr(at, head.find(": ", at) - at));
            at = head.find("\r\n", at) + 2;
        }
        return names;
    }
};

class ResponseTest : public ::testing::Test {
  protected:
    ResponseTest() {
        date_.update(kNow);
        add("/index.html", "<p>Hello</p>\n", "text/html; charset=utf-8");
        add("/empty.txt", "", "text/plain; charset=utf-8");
        add("/digits.bin", "0123456789", "");
        Entry& undated = add("/undated.txt", "old", "text/plain; charset=utf-8");
        undated.mtime_seconds = 0;
        Entry& page = add("/page.html", "the page in plain words", "text/html; charset=utf-8");
        const std::array<std::pair<Coding, const char*>, 3> variants = {
            {{Coding::br, "br-bytes!!"},
             {Coding::zstd, "zstd-bytes"},
             {Coding::gzip, "gzip-bytes"}}};
        for (const auto& [coding, body] : variants) {
            auto variant = std::make_unique<Entry>();
            fill(*variant, "/page.html", body, "text/html; charset=utf-8");
            variant->coding = coding;
            variant->etag = "\"page-" + std::to_string(static_cast<int>(coding)) + "\"";
            variant->vary = true;
            page.variants[static_cast<std::size_t>(coding) - 1] = variant.get();
            entries_.push_back(std::move(variant));
        }
        page.vary = true;
        Entry& big = add("/big.bin", "", "application/octet-stream");
        big.size = 5'368'709'120;
        big.file = 7;
        add("/empty-on-disk.bin", "", "application/octet-stream").file = 8;
        Entry& cold = add("/cold.txt", "", "text/plain; charset=utf-8");
        cold.unloaded = true;
        for (const char* path : {"/dir", "/a b", "/\xe4\xbd\xa0", "/back\\slash", "/100%"}) {
            add(path, "", "").kind = EntryKind::directory;
        }
        std::vector<const Entry*> found;
        for (const std::unique_ptr<Entry>& entry : entries_) {
            finish(*entry);
            if (entry->coding == Coding::identity) {
                found.push_back(entry.get());
            }
        }
        snapshot_ = std::make_unique<Snapshot>(found, 1);
    }

    void fill(Entry& entry, const std::string& path, const std::string& body,
              std::string_view type) {
        entry.path = path;
        entry.size = body.size();
        entry.mtime_seconds = kModified;
        entry.etag = "\"" + path.substr(1) + "\"";
        entry.content_type = type;
        bodies_[&entry] = body;
    }

    Entry& add(const std::string& path, const std::string& body, std::string_view type) {
        entries_.push_back(std::make_unique<Entry>());
        fill(*entries_.back(), path, body, type);
        return *entries_.back();
    }

    // As the loader does: heads first, then head and body in one block.
    void finish(Entry& entry) {
        prepare_heads(entry);
        if (entry.file >= 0 || entry.unloaded || entry.kind == EntryKind::directory) {
            return;
        }
        const std::string block = entry.head_200 + bodies_[&entry];
        entry.block = std::make_unique<char[]>(block.size());
        std::memcpy(entry.block.get(), block.data(), block.size());
        entry.block_head_bytes = static_cast<std::uint32_t>(entry.head_200.size());
    }

    static Request get(std::string_view path) {
        Request request;
        request.method = Method::get;
        request.path = path;
        request.raw_path = path;
        request.target = path;
        request.wall_seconds = kNow;
        return request;
    }

    static Request head(std::string_view path) {
        Request request = get(path);
        request.method = Method::head;
        return request;
    }

    Response write(const ResponsePlan& plan, ConnectionField connection = ConnectionField::none) {
        Response response;
        response.plan = plan;
        std::vector<char> out(16 * 1024);
        const std::size_t written =
            write_response(plan, date_, connection, out.data(), out.size(), &response.body_written);
        const std::string text(out.data(), written);
        const std::size_t end = text.find("\r\n\r\n");
        EXPECT_NE(end, std::string::npos);
        response.head = text.substr(0, end + 4);
        response.page = text.substr(end + 4);

        // It needs exactly this room. One byte less does not suffice, except that a body from
        // memory may stay behind.
        bool ignored = false;
        std::vector<char> exact(written);
        EXPECT_EQ(write_response(plan, date_, connection, exact.data(), written, &ignored),
                  written);
        EXPECT_EQ(std::string(exact.data(), written), text);
        const bool whole = plan.shape == BodyShape::whole && !response.page.empty();
        const std::size_t least = whole ? response.head.size() : written;
        for (std::size_t room = 0; room < least; ++room) {
            std::vector<char> small(room);
            EXPECT_EQ(write_response(plan, date_, connection, small.data(), room, &ignored), 0U);
        }
        return response;
    }

    Response respond(const Request& request, ConnectionField connection = ConnectionField::none) {
        return write(plan_response(request, *snapshot_), connection);
    }

    const Entry& entry(std::string_view path) { return *snapshot_->find(path); }

    // The whole body as a session sends it.
    std::string body_of(const Response& response) {
        const ResponsePlan& plan = response.plan;
        if (response.body_written) {
            return response.page;
        }
        const std::string_view bytes = plan.entry->memory();
        if (plan.shape == BodyShape::whole) {
            return std::string(bytes);
        }
        std::string body;
        for (std::size_t i = 0; i < plan.range_count; ++i) {
            body += part_head(plan, i);
            body += bytes.substr(plan.ranges[i].first, plan.ranges[i].length);
        }
        return body + part_head(plan, plan.range_count);
    }

    static std::string part_head(const ResponsePlan& plan, std::size_t index) {
        if (plan.shape != BodyShape::multipart) {
            return "";
        }
        char out[kHeadBytesMax];
        return {out, write_part_head(plan, index, out)};
    }

    std::vector<std::unique_ptr<Entry>> entries_;
    std::map<const Entry*, std::string> bodies_;
    std::unique_ptr<Snapshot> snapshot_;
    DateLine date_;
};

TEST_F(ResponseTest, WholeFileFromMemory) {
    const Response response = respond(get("/index.html"));
    EXPECT_EQ(response.head, std::string("HTTP/1.1 200 OK\r\n"
                                         "Server: sluice\r\n") +
                                 kDate +
                                 "Content-Type: text/html; charset=utf-8\r\n"
                                 "Content-Length: 13\r\n"
                                 "ETag: \"index.html\"\r\n"
                                 "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                 "Accept-Ranges: bytes\r\n"
                                 "X-Content-Type-Options: nosniff\r\n"
                                 "\r\n");
    EXPECT_EQ(response.page, "<p>Hello</p>\n");
    EXPECT_TRUE(response.body_written);
    EXPECT_EQ(body_bytes(response.plan), 13U);
}

TEST_F(ResponseTest, ConnectionLineComesAfterDate) {
    const std::string close = respond(get("/index.html"), ConnectionField::close).head;
    EXPECT_THAT(close, HasSubstr(std::string(kDate) + "Connection: close\r\nContent-Type: "));
    const std::string keep = respond(get("/index.html"), ConnectionField::keep_alive).head;
    EXPECT_THAT(keep, HasSubstr(std::string(kDate) + "Connection: keep-alive\r\nContent-Type: "));
    for (const char* path : {"/missing", "/dir"}) {
        EXPECT_THAT(respond(get(path), ConnectionField::close).head,
                    HasSubstr(std::string(kDate) + "Connection: close\r\n"));
    }
}

TEST_F(ResponseTest, ABodyThatDoesNotFitStaysBehind) {
    const ResponsePlan plan = plan_response(get("/index.html"), *snapshot_);
    const Response full = write(plan);
    std::vector<char> out(full.head.size() + 12);
    bool body_written = true;
    EXPECT_EQ(
        write_response(plan, date_, ConnectionField::none, out.data(), out.size(), &body_written),
        full.head.size());
    EXPECT_FALSE(body_written);
    EXPECT_EQ(std::string(out.data(), full.head.size()), full.head);
}

TEST_F(ResponseTest, AFileOnDiskGetsItsHeadOnly) {
    const Response response = respond(get("/big.bin"));
    EXPECT_EQ(response.plan.shape, BodyShape::whole);
    EXPECT_EQ(response.field("Content-Length"), "5368709120");
    EXPECT_FALSE(response.body_written);
    EXPECT_EQ(response.page, "");
    // An empty file leaves nothing to send.
    EXPECT_TRUE(respond(get("/empty-on-disk.bin")).body_written);
}

TEST_F(ResponseTest, AnEmptyFile) {
    const Response response = respond(get("/empty.txt"));
    EXPECT_EQ(response.status_line(), "HTTP/1.1 200 OK");
    EXPECT_EQ(response.field("Content-Length"), "0");
    EXPECT_TRUE(response.body_written);
    Request ranged = get("/empty.txt");
    ranged.range = "bytes=0-";
    EXPECT_EQ(respond(ranged).status_line(), "HTTP/1.1 416 Range Not Satisfiable");
    EXPECT_EQ(respond(ranged).field("Content-Range"), "bytes */0");
}

TEST_F(ResponseTest, NoLastModifiedWithoutADate) {
    EXPECT_EQ(respond(get("/undated.txt")).field("Last-Modified"), "-");
}

// RFC 9110 section 8.8.2.1: a time in the future is replaced by the Date, whichever clock is wrong.
TEST_F(ResponseTest, LastModifiedIsNeverLaterThanTheDate) {
    Entry& entry = *entries_.front();
    const std::string now = std::string(kDate).substr(6, 29);
    for (const std::int64_t ahead : {-1, 0, 1, 1'000'000'000}) {
        entry.mtime_seconds = kNow + ahead;
        finish(entry);
        for (const char* range : {"", "bytes=0-3", "bytes=0-1,4-5"}) {
            for (Request request : {get(entry.path), head(entry.path)}) {
                request.range = range;
                const Response response = respond(request);
                EXPECT_EQ(response.field("Date"), now);
                EXPECT_EQ(response.field("Last-Modified") == now, ahead >= 0) << ahead;
            }
        }
    }
}

TEST_F(ResponseTest, UnknownTypesAreBytes) {
    EXPECT_EQ(respond(get("/digits.bin")).field("Content-Type"), "application/octet-stream");
}

TEST_F(ResponseTest, HeadHasTheHeadOfGet) {
    for (const char* path :
         {"/index.html", "/empty.txt", "/big.bin", "/dir", "/missing", "/page.html"}) {
        const Response from_get = respond(get(path));
        const Response from_head = respond(head(path));
        EXPECT_EQ(from_head.head, from_get.head) << path;
        EXPECT_EQ(from_head.page, "") << path;
        EXPECT_EQ(from_head.plan.shape, BodyShape::none) << path;
        EXPECT_TRUE(from_head.body_written) << path;
        EXPECT_EQ(std::to_string(body_bytes(from_head.plan)), from_get.field("Content-Length"));
    }
}

TEST_F(ResponseTest, HeadIgnoresRange) {  // RFC 9110 section 14.2
    Request request = head("/digits.bin");
    request.range = "bytes=0-1";
    EXPECT_EQ(respond(request).head, respond(get("/digits.bin")).head);
    request.range = "bytes=100-";
    EXPECT_EQ(respond(request).plan.status, 200);
}

TEST_F(ResponseTest, HeadMindsPreconditions) {
    Request request = head("/digits.bin");
    request.if_none_match = "*";
    EXPECT_EQ(respond(request).plan.status, 304);
    request = head("/digits.bin");
    request.if_match = "\"x\"";
    const Response failed = respond(request);
    EXPECT_EQ(failed.plan.status, 412);
    EXPECT_EQ(failed.page, "");
    EXPECT_NE(failed.field("Content-Length"), "0");
}

TEST_F(ResponseTest, NotModifiedCarriesWhatItMustAndNoMore) {  // RFC 9110 section 15.4.5
    Request request = get("/index.html");
    request.if_none_match = "\"index.html\"";
    const Response plain = respond(request);
    EXPECT_EQ(plain.head, std::string("HTTP/1.1 304 Not Modified\r\nServer: sluice\r\n") + kDate +
                              "ETag: \"index.html\"\r\n\r\n");
    EXPECT_EQ(plain.page, "");
    EXPECT_TRUE(plain.body_written);
    EXPECT_EQ(body_bytes(plain.plan), 0U);

    request = get("/page.html");
    request.accept_encoding = "br";
    request.if_none_match = "\"page-1\"";
    EXPECT_EQ(respond(request).head,
              std::string("HTTP/1.1 304 Not Modified\r\nServer: sluice\r\n") + kDate +
                  "ETag: \"page-1\"\r\nVary: Accept-Encoding\r\n\r\n");
}

TEST_F(ResponseTest, NegotiatesAVariantWithAValidatorOfItsOwn) {
    struct Case {
        const char* accept;
        const char* coding;
        const char* etag;
        const char* body;
    };
    for (const Case& test : std::vector<Case>{
             {"gzip, deflate, br, zstd", "br", "\"page-1\"", "br-bytes!!"},
             {"zstd, gzip", "zstd", "\"page-2\"", "zstd-bytes"},
             {"gzip", "gzip", "\"page-3\"", "gzip-bytes"},
             {"deflate", "-", "\"page.html\"", "the page in plain words"},
             {"identity;q=0", "-", "\"page.html\"", "the page in plain words"},
         }) {
        Request request = get("/page.html");
        request.accept_encoding = test.accept;
        const Response response = respond(request);
        EXPECT_EQ(response.field("Content-Encoding"), test.coding);
        EXPECT_EQ(response.field("ETag"), test.etag);
        EXPECT_EQ(response.field("Content-Type"), "text/html; charset=utf-8");
        EXPECT_EQ(response.field("Vary"), "Accept-Encoding");
        EXPECT_EQ(response.page, test.body);
        EXPECT_EQ(response.plan.identity, &entry("/page.html"));
    }
    EXPECT_EQ(respond(get("/page.html")).page, "the page in plain words");
}

TEST_F(ResponseTest, VaryIsOnEveryAnswerOfAResourceWithVariants) {
    for (const char* accept : {"br", "identity"}) {
        Request request = get("/page.html");
        request.accept_encoding = accept;
        std::map<int, std::string> vary;
        const auto see = [&] {
            const Response response = respond(request);
            vary[response.plan.status] = response.field("Vary");
        };
        see();
        request.range = "bytes=0-1";
        see();
        request.range = "bytes=100-";
        see();
        request.if_match = "\"x\"";
        see();
        request.if_match = {};
        request.if_none_match = "*";
        see();
        for (const int status : {200, 206, 304, 412, 416}) {
            EXPECT_EQ(vary[status], "Accept-Encoding") << status;
        }
    }
    for (const char* range : {"bytes=0-1", "bytes=100-"}) {
        Request request = get("/digits.bin");
        request.range = range;
        EXPECT_EQ(respond(request).field("Vary"), "-");
    }
}

TEST_F(ResponseTest, OneRange) {  // RFC 9110 section 15.3.7.1
    Request request = get("/digits.bin");
    request.range = "bytes=2-4";
    const Response response = respond(request);
    EXPECT_EQ(response.head, std::string("HTTP/1.1 206 Partial Content\r\nServer: sluice\r\n") +
                                 kDate +
                                 "Content-Type: application/octet-stream\r\n"
                                 "Content-Length: 3\r\n"
                                 "Content-Range: bytes 2-4/10\r\n"
                                 "ETag: \"digits.bin\"\r\n"
                                 "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                 "Accept-Ranges: bytes\r\n"
                                 "X-Content-Type-Options: nosniff\r\n"
                                 "\r\n");
    EXPECT_EQ(response.plan.shape, BodyShape::ranges);
    EXPECT_FALSE(response.body_written);
    EXPECT_EQ(body_of(response), "234");
}

TEST_F(ResponseTest, RangesThatBecomeOneAreOne) {
    Request request = get("/digits.bin");
    request.range = "bytes=0-4,5-9";
    const Response response = respond(request);
    EXPECT_EQ(response.plan.shape, BodyShape::ranges);
    EXPECT_EQ(response.field("Content-Range"), "bytes 0-9/10");
}

TEST_F(ResponseTest, RangesBeyondFourGibibytes) {
    Request request = get("/big.bin");
    request.range = "bytes=5368709110-";
    const Response response = respond(request);
    EXPECT_EQ(response.field("Content-Range"), "bytes 5368709110-5368709119/5368709120");
    EXPECT_EQ(response.field("Content-Length"), "10");
}

TEST_F(ResponseTest, SeveralRanges) {  // RFC 9110 section 14.6
    Request request = get("/digits.bin");
    request.range = "bytes=8-9,0-1,-3";
    const Response response = respond(request);
    EXPECT_EQ(response.status_line(), "HTTP/1.1 206 Partial Content");
    EXPECT_EQ(response.plan.shape, BodyShape::multipart);
    EXPECT_EQ(response.field("Content-Range"), "-");
    const std::string type = response.field("Content-Type");
    const std::string prefix = "multipart/byteranges; boundary=";
    ASSERT_EQ(type.substr(0, prefix.size()), prefix);
    const std::string boundary = type.substr(prefix.size());
    EXPECT_EQ(boundary.size(), 32U);
    const std::string body = body_of(response);
    EXPECT_EQ(body, "--" + boundary +
                        "\r\nContent-Type: application/octet-stream\r\n"
                        "Content-Range: bytes 7-9/10\r\n\r\n789"
                        "\r\n--" +
                        boundary +
                        "\r\nContent-Type: application/octet-stream\r\n"
                        "Content-Range: bytes 0-1/10\r\n\r\n01"
                        "\r\n--" +
                        boundary + "--\r\n");
    EXPECT_EQ(response.field("Content-Length"), std::to_string(body.size()));
    EXPECT_EQ(response.field("ETag"), "\"digits.bin\"");
    // The same request, the same bytes; another representation, another boundary.
    EXPECT_EQ(respond(request).head, response.head);
    Request other = get("/index.html");
    other.range = "bytes=0-1,4-5";
    EXPECT_THAT(respond(other).head, Not(HasSubstr(boundary)));
}

TEST_F(ResponseTest, MultipartLengthIsExactForEveryNumberOfParts) {
    for (std::size_t parts = 2; parts <= 5; ++parts) {
        Request request = get("/digits.bin");
        std::string field = "bytes=";
        for (std::size_t i = 0; i < parts; ++i) {
            field += std::to_string(2 * i) + "-" + std::to_string(2 * i) + ",";
        }
        request.range = field;
        const Response response = respond(request);
        EXPECT_EQ(response.plan.range_count, parts);
        EXPECT_EQ(response.field("Content-Length"), std::to_string(body_of(response).size()));
        EXPECT_EQ(body_bytes(response.plan), body_of(response).size());
    }
}

TEST_F(ResponseTest, RangesOfAVariantAreOfItsBytes) {
    Request request = get("/page.html");
    request.accept_encoding = "gzip";
    request.range = "bytes=-5";
    const Response response = respond(request);
    EXPECT_EQ(response.plan.status, 206);
    EXPECT_EQ(response.field("Content-Range"), "bytes 5-9/10");
    EXPECT_EQ(response.field("Content-Encoding"), "gzip");
    EXPECT_EQ(response.field("ETag"), "\"page-3\"");
    EXPECT_EQ(body_of(response), "bytes");
}

TEST_F(ResponseTest, UnsatisfiableRange) {  // RFC 9110 section 15.5.17
    Request request = get("/page.html");
    request.accept_encoding = "gzip";
    request.range = "bytes=10-";
    const Response response = respond(request);
    EXPECT_EQ(response.status_line(), "HTTP/1.1 416 Range Not Satisfiable");
    EXPECT_EQ(response.field("Content-Range"), "bytes */10");
    EXPECT_EQ(response.field("Content-Type"), "text/html; charset=utf-8");
    // The page is not the representation, so it has none of its coding or validators.
    EXPECT_EQ(response.field("Content-Encoding"), "-");
    EXPECT_EQ(response.field("ETag"), "-");
    EXPECT_EQ(response.field("Content-Length"), std::to_string(response.page.size()));
}

TEST_F(ResponseTest, IgnoredRangesGetTheWhole) {
    for (const char* range : {"lines=0-1", "bytes=5-1", "bytes=x", ""}) {
        Request request = get("/digits.bin");
        request.range = range;
        EXPECT_EQ(respond(request).head, respond(get("/digits.bin")).head) << range;
    }
}

TEST_F(ResponseTest, IfRange) {
    Request request = get("/digits.bin");
    request.range = "bytes=0-1";
    request.if_range = "\"digits.bin\"";
    EXPECT_EQ(respond(request).plan.status, 206);
    request.if_range = "\"other\"";
    EXPECT_EQ(respond(request).plan.status, 200);
    request.range = "bytes=100-";
    EXPECT_EQ(respond(request).plan.status, 200);
    request.if_range = "Sun, 06 Nov 1994 08:49:37 GMT";
    EXPECT_EQ(respond(request).plan.status, 416);
    // The chosen variant counts, not the resource.
    request = get("/page.html");
    request.accept_encoding = "br";
    request.range = "bytes=0-1";
    request.if_range = "\"page.html\"";
    EXPECT_EQ(respond(request).plan.status, 200);
    request.if_range = "\"page-1\"";
    EXPECT_EQ(respond(request).plan.status, 206);
}

TEST_F(ResponseTest, PreconditionsComeBeforeRanges) {
    Request request = get("/digits.bin");
    request.range = "bytes=100-";
    request.if_none_match = "\"digits.bin\"";
    EXPECT_EQ(respond(request).plan.status, 304);
    request.if_match = "\"x\"";
    EXPECT_EQ(respond(request).plan.status, 412);
}

TEST_F(ResponseTest, PreconditionsNeedASuccessToGuard) {  // RFC 9110 section 13.2.1
    for (const char* path : {"/missing", "/dir"}) {
        Request request = get(path);
        request.if_match = "\"x\"";
        request.if_none_match = "*";
        request.range = "bytes=0-1";
        EXPECT_EQ(respond(request).head, respond(get(path)).head);
    }
}

TEST_F(ResponseTest, Methods) {
    Request request = get("/index.html");
    request.method = Method::other_known;
    const Response known = respond(request);
    EXPECT_EQ(known.status_line(), "HTTP/1.1 405 Method Not Allowed");
    EXPECT_EQ(known.field("Allow"), "GET, HEAD, OPTIONS");
    request.method = Method::unknown;
    const Response unknown = respond(request);
    EXPECT_EQ(unknown.status_line(), "HTTP/1.1 501 Not Implemented");
    EXPECT_EQ(unknown.field("Allow"), "-");
}

TEST_F(ResponseTest, Options) {  // RFC 9110 section 9.3.7
    Request request = get("/index.html");
    request.method = Method::options;
    const Response response = respond(request);
    EXPECT_EQ(response.head, std::string("HTTP/1.1 204 No Content\r\nServer: sluice\r\n") + kDate +
                                 "Allow: GET, HEAD, OPTIONS\r\n\r\n");
    EXPECT_EQ(response.page, "");
    EXPECT_TRUE(response.body_written);
    EXPECT_EQ(body_bytes(response.plan), 0U);
    request = Request();
    request.method = Method::options;
    request.asterisk = true;
    EXPECT_EQ(respond(request).head, response.head);
}

TEST_F(ResponseTest, NotFound) {
    for (const char* path : {"/missing", "/index.html/", "/INDEX.HTML", "/", ""}) {
        const Response response = respond(get(path));
        EXPECT_EQ(response.status_line(), "HTTP/1.1 404 Not Found") << path;
        EXPECT_EQ(response.field("Content-Length"), std::to_string(response.page.size()));
        EXPECT_EQ(response.field("Content-Type"), "text/html; charset=utf-8");
        EXPECT_EQ(response.field("Accept-Ranges"), "-");
        EXPECT_THAT(response.page, HasSubstr("<title>404 Not Found</title>"));
        EXPECT_TRUE(response.body_written);
    }
}

TEST_F(ResponseTest, DirectoriesRedirectToTheirSlash) {
    Request request = get("/dir");
    const Response plain = respond(request);
    EXPECT_EQ(plain.status_line(), "HTTP/1.1 301 Moved Permanently");
    EXPECT_EQ(plain.field("Location"), "/dir/");
    EXPECT_EQ(plain.field("Content-Length"), std::to_string(plain.page.size()));
    request.query = "?a=1&b=%20&c[]=\xff/../?";
    EXPECT_EQ(respond(request).field("Location"), "/dir/?a=1&b=%20&c[]=%FF/../?");
    request.query = "?";
    EXPECT_EQ(respond(request).field("Location"), "/dir/?");
}

TEST_F(ResponseTest, RedirectsNeverLeadElsewhere) {
    // Whatever the target was, Location is made of the normalised path.
    for (const char* raw :
         {"//evil.example/../dir", "/\\evil.example/../dir", "///dir", "/./dir"}) {
        Request request = get("/dir");
        request.raw_path = raw;
        request.target = raw;
        EXPECT_EQ(respond(request).field("Location"), "/dir/") << raw;
    }
    EXPECT_EQ(respond(get("/back\\slash")).field("Location"), "/back%5Cslash/");
    EXPECT_EQ(respond(get("/a b")).field("Location"), "/a%20b/");
    EXPECT_EQ(respond(get("/\xe4\xbd\xa0")).field("Location"), "/%E4%BD%A0/");
    EXPECT_EQ(respond(get("/100%")).field("Location"), "/100%25/");
}

TEST_F(ResponseTest, RedirectsCannotInjectLines) {
    Request request = get("/dir");
    request.query = "?x\r\nSet-Cookie: a=b\r\n\r\n<script>";
    const Response response = respond(request);
    EXPECT_EQ(response.field("Location"), "/dir/?x%0D%0ASet-Cookie:%20a=b%0D%0A%0D%0A%3Cscript%3E");
    EXPECT_EQ(response.field("Set-Cookie"), "-");
}

TEST_F(ResponseTest, ColdEntriesAskToBeLoaded) {
    for (Request request : {get("/cold.txt"), head("/cold.txt")}) {
        request.if_none_match = "*";
        const ResponsePlan plan = plan_response(request, *snapshot_);
        EXPECT_TRUE(plan.needs_load);
        EXPECT_EQ(plan.entry, &entry("/cold.txt"));
    }
    EXPECT_FALSE(plan_response(get("/index.html"), *snapshot_).needs_load);
}

TEST_F(ResponseTest, ErrorPages) {
    // RFC 9110 section 15, RFC 6585 section 5.
    for (const char* text :
         {"400 Bad Request", "403 Forbidden", "404 Not Found", "405 Method Not Allowed",
          "408 Request Timeout", "412 Precondition Failed", "413 Content Too Large",
          "414 URI Too Long", "416 Range Not Satisfiable", "417 Expectation Failed",
          "431 Request Header Fields Too Large", "500 Internal Server Error", "501 Not Implemented",
          "503 Service Unavailable", "505 HTTP Version Not Supported"}) {
        const std::string title = text;
        const auto status = static_cast<std::uint16_t>(std::stoi(title));
        const Response response = write(plan_error(status, false), ConnectionField::close);
        EXPECT_EQ(response.status_line(), "HTTP/1.1 " + title);
        EXPECT_THAT(response.page, HasSubstr("<h1>" + title + "</h1>"));
        EXPECT_EQ(response.field("Content-Type"), "text/html; charset=utf-8");
        EXPECT_EQ(response.field("X-Content-Type-Options"), "nosniff");
        EXPECT_EQ(response.field("Content-Length"), std::to_string(response.page.size()));
        EXPECT_EQ(body_bytes(response.plan), response.page.size());
        EXPECT_EQ(response.field("Retry-After"), status == 503 ? "1" : "-");
        EXPECT_EQ(response.field("Allow"), status == 405 ? "GET, HEAD, OPTIONS" : "-");
        EXPECT_EQ(response.field("Connection"), "close");
        EXPECT_TRUE(response.body_written);
        EXPECT_LE(response.head.size() + response.page.size(), kHeadBytesMax);

        const Response without = write(plan_error(status, true), ConnectionField::close);
        EXPECT_EQ(without.head, response.head);
        EXPECT_EQ(without.page, "");
    }
}

TEST_F(ResponseTest, AStatusWithoutAPageIsAnInternalError) {
    const ResponsePlan plan = plan_error(418, false);
    EXPECT_EQ(plan.status, 500);
    EXPECT_EQ(write(plan).status_line(), "HTTP/1.1 500 Internal Server Error");
}

TEST_F(ResponseTest, EveryHeadIsWellFormed) {
    std::vector<Response> responses;
    for (const char* path : {"/index.html", "/page.html", "/dir", "/missing", "/empty.txt"}) {
        for (const char* range : {"bytes=0-0", "bytes=0-0,2-2", "bytes=99-"}) {
            Request request = get(path);
            request.range = range;
            responses.push_back(respond(request, ConnectionField::keep_alive));
        }
    }
    for (const Response& response : responses) {
        std::vector<std::string> names = response.names();
        ASSERT_GE(names.size(), 3U);
        EXPECT_EQ(names[0], "Server");
        EXPECT_EQ(names[1], "Date");
        EXPECT_EQ(names[2], "Connection");
        std::sort(names.begin(), names.end());
        EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end()) << response.head;
        EXPECT_EQ(response.head.find('\0'), std::string::npos);
    }
}

}  // namespace
}  // namespace sluice::http
