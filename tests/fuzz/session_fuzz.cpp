// The whole session on a small site: the same bytes, cut differently, must give the same response
// bytes and the same end, and each response must be well framed.
//
// Input: one byte that chooses the cuts (its lowest bit: whether the peer ends its direction), then
// what the peer sends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/http1_session.h"
#include "tests/transcripts/memory_site.h"
#include "tests/transcripts/session_driver.h"

namespace {

using namespace sluice;
using namespace sluice::http;
using transcripts::MemorySite;
using transcripts::SessionDriver;

class Site {
  public:
    Site() {
        limits_.request_line_bytes = 200;
        limits_.head_bytes = 600;
        limits_.fields = 12;
        limits_.body_bytes = 64;
        site_.add("/", "home\n");
        site_.add("/a.txt", "0123456789");
        site_.add("/medium", std::string(6'000, 'm'));
        site_.add_file("/file", std::string(20'000, 'f'), false);
        site_.add_file("/live", std::string(20'000, 'l'), true);
        site_.add_directory("/dir");
        site_.publish();
        SessionContext context;
        context.wall_seconds = 1'790'000'000;
        (void)factory_.turn(context);
    }

    // `steps` 0: all at once. The state is behind the bytes.
    std::string run(std::string_view bytes, unsigned steps, bool eof) {
        for (const std::string_view piece : sink_.pending()) {
            sink_.consume(piece.size());
        }
        SessionDriver driver(factory_);
        std::uint32_t random = steps;
        while (!bytes.empty()) {
            random = random * 1'664'525U + 1'013'904'223U;
            const std::size_t step =
                steps == 0 ? bytes.size()
                           : std::min<std::size_t>(bytes.size(), 1 + (random >> 16) % steps);
            driver.receive(bytes.substr(0, step));
            bytes.remove_prefix(step);
        }
        if (eof) {
            driver.eof();
        }
        return driver.sent() + transcripts::to_string(driver.state());
    }

  private:
    Limits limits_;
    MemorySite site_;
    AccessLogSink sink_{LogFormat::json};
    Http1Factory factory_{limits_, site_.view(), &sink_, 5'000};
};

// Every response begins where the one before ended, and the state ends it all. Not with HEAD, whose
// answers announce a body that does not come.
void check_framing(std::string_view bytes) {
    while (bytes.starts_with("HTTP/1.1 ")) {
        const std::size_t end = bytes.find("\r\n\r\n");
        CHECK(end != std::string_view::npos);
        const std::string_view head = bytes.substr(0, end + 2);
        const std::size_t length_at = head.find("\r\nContent-Length: ");
        std::size_t length = 0;
        if (length_at != std::string_view::npos) {
            length = std::stoul(std::string(head.substr(length_at + 18, 12)));
        }
        CHECK(bytes.size() - (end + 4) >= length);
        bytes.remove_prefix(end + 4 + length);
    }
    CHECK(bytes.find("HTTP/1.1") == std::string_view::npos && bytes.size() <= 7);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Site site;
    if (size < 2) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const bool eof = (data[0] & 1) != 0;
    const std::string whole = site.run(bytes, 0, eof);
    CHECK(site.run(bytes, 1 + data[0] / 2U, eof) == whole);
    CHECK(site.run(bytes, 1, eof) == whole);
    if (bytes.find("HEAD ") == std::string_view::npos) {
        check_framing(whole);
    }
    return 0;
}
