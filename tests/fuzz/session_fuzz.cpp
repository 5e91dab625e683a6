// The whole session on a small site: the same bytes, cut differently, and through the test
// transport, must give the same response bytes and the same end, and each response must be well
// framed.
//
// Input: one byte that chooses the cuts (its lowest bit: whether the peer ends its direction), then
// what the peer sends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http1/session.h"
#include "tests/fuzz/answer_checker.h"
#include "tests/support/xor_transport.h"
#include "tests/transcripts/memory_site.h"
#include "tests/transcripts/session_driver.h"

namespace {

using namespace sluice;
using namespace sluice::http;
using transcripts::MemorySite;
using transcripts::SessionDriver;

struct Outcome {
    std::string sent;
    SessionState state = SessionState::idle;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

class Site {
  public:
    Site() {
        add("/", "home\n");
        add("/a.txt", "0123456789");
        add("/medium", std::string(6'000, 'm'));
        add_file("/file", std::string(20'000, 'f'), false);
        add_file("/live", std::string(20'000, 'l'), true);
        site_.add_directory("/dir");
        site_.publish();
        SessionContext context;
        context.wall_seconds = 1'790'000'000;
        (void)factory_.turn(context);
    }

    // `steps` 0: all at once.
    Outcome run(std::string_view bytes, unsigned steps, bool eof) {
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
        return {driver.sent(), driver.state()};
    }
    // The same with a transport at both ends, whose records are cut in steps.
    Outcome run_sealed(std::string_view bytes, unsigned steps, bool eof) {
        test::XorClient client(steps);
        const std::unique_ptr<Transport> server = test::XorTransports(steps).make();
        std::string room(4 * Transport::kRecordMax, '\0');
        std::string plain;
        const auto to_server = [&](std::string_view wire) {
            while (!wire.empty()) {
                const std::string_view step = wire.substr(0, steps);
                const Transport::Progress progress = server->open(step, room);
                CHECK(progress.taken == step.size());
                plain.append(room, 0, progress.written);
                wire.remove_prefix(step.size());
            }
        };
        const auto to_client = [&](std::string_view bytes_of_session) {
            std::string got;
            while (const std::size_t own = server->own_output(room)) {
                got += client.open({room.data(), own});
            }
            while (!bytes_of_session.empty()) {
                const Slice slice{bytes_of_session.data(), bytes_of_session.size()};
                const Transport::Progress progress = server->seal({&slice, 1}, room);
                CHECK(progress.taken > 0);
                bytes_of_session.remove_prefix(progress.taken);
                got += client.open({room.data(), progress.written});
            }
            return got;
        };
        to_server(client.seal(bytes));
        (void)to_client("");
        client.ask();
        to_server(client.seal(""));
        CHECK(plain == bytes);
        Outcome outcome = run(plain, steps, eof);
        outcome.sent = to_client(outcome.sent);
        CHECK(client.answers() == 1);
        return outcome;
    }
    [[nodiscard]] const fuzz::AnswerChecker::Bodies& bodies() const { return bodies_; }

  private:
    // Room is made for a head when the factory is.
    static Limits small_limits() {
        Limits limits;
        limits.request_line_bytes = 200;
        limits.head_bytes = 600;
        limits.fields = 12;
        limits.body_bytes = 64;
        return limits;
    }

    void add(const std::string& path, const std::string& bytes) {
        bodies_[site_.add(path, bytes).etag] = bytes;
    }
    void add_file(const std::string& path, const std::string& bytes, bool live) {
        bodies_[site_.add_file(path, bytes, live).etag] = bytes;
    }

    const Limits limits_ = small_limits();
    fuzz::AnswerChecker::Bodies bodies_;
    MemorySite site_;
    AccessLogSink sink_{LogFormat::json};
    Http1Factory factory_{limits_, site_.view(), &sink_, 5'000};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Site site;
    static const fuzz::AnswerChecker checker(site.bodies());
    if (size < 2) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const bool eof = (data[0] & 1) != 0;
    const Outcome whole = site.run(bytes, 0, eof);
    CHECK(site.run(bytes, 1 + data[0] / 2U, eof) == whole);
    CHECK(site.run(bytes, 1, eof) == whole);
    CHECK(site.run_sealed(bytes, 1 + data[0] / 2U, eof) == whole);
    (void)checker.check(whole.sent, false, bytes.find("HEAD ") != std::string_view::npos);
    return 0;
}
