// Two byte streams through reassembly and HTTP: once in order and whole, once in small pieces that
// come in another order, overlap and come twice. If the first run makes sense throughout, the
// second must give the same messages and hide the same bytes.
//
// Input: two bytes that choose the pieces, then what the client sends, a byte 0xff, what the server
// sends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "core/check.h"
#include "wire/http.h"
#include "wire/reassembly.h"

namespace {

using namespace sluice::wire;

struct Piece {
    std::uint32_t at = 0;
    std::string_view bytes;
};

struct Outcome {
    std::string messages;
    bool sense = true;
    std::vector<ByteRange> hidden[2];
};

void describe(const HttpEvent& event, Outcome& outcome) {
    outcome.sense &= event.kind != HttpEventKind::not_http && event.exchange != nullptr;
    if (event.exchange == nullptr) {
        return;
    }
    const HttpMessage& message = event.message();
    outcome.sense &= message.error.empty();
    outcome.messages +=
        fmt::format("{}{} {} {} {}/{}\n", static_cast<int>(event.kind), message.method(),
                    message.target(), message.status, message.body_bytes, message.total_bytes);
    for (const HttpField field : message.fields()) {
        outcome.messages += fmt::format("{}: {}\n", field.name, field.value);
    }
    if (event.kind == HttpEventKind::end) {
        outcome.messages += message.body + "\n";
    }
}

void run(std::string_view stream, int direction, const std::vector<Piece>& pieces,
         HttpConversation& http, Outcome& outcome) {
    constexpr std::uint32_t kFirst = 0xffff'fff0;  // the numbers wrap
    Reassembly reassembly;
    reassembly.start(kFirst);
    std::uint64_t frame = 0;
    const auto events = [&] {
        // A head is reported before its body has come; what is reported then must not change.
        for (const HttpEvent& event : http.events()) {
            if (event.kind != HttpEventKind::head) {
                describe(event, outcome);
            }
        }
        http.events().clear();
    };
    for (const Piece& piece : pieces) {
        reassembly.add(direction, kFirst + piece.at, piece.bytes,
                       static_cast<std::uint32_t>(piece.bytes.size()), {++frame, 0}, http);
        events();
    }
    CHECK(reassembly.offset() == stream.size());
    CHECK(!reassembly.waiting());
    http.collect_secrets(direction, stream, 0, outcome.hidden[direction]);
    http.on_end(direction, {++frame, 0}, false);
    events();
}

// Pieces of the whole stream, each at its place, in an order that a number chooses.
std::vector<Piece> cut(std::string_view stream, std::uint32_t random) {
    std::vector<Piece> pieces;
    const auto next = [&random] { return (random = random * 1'664'525U + 1'013'904'223U) >> 16; };
    const std::uint32_t longest = 1 + random % 40;
    for (std::uint32_t at = 0; at < stream.size();) {
        const std::uint32_t size = 1 + next() % longest;
        const std::uint32_t back = next() % 4 == 0 ? std::min(at, next() % 8) : 0;
        pieces.push_back({at - back, stream.substr(at - back, size + back)});
        if (next() % 8 == 0) {
            pieces.push_back(pieces.back());
        }
        at += size;
    }
    // Not too far from where they belong, and the first one first: the stream must look like HTTP.
    for (std::size_t i = 1; i + 4 < pieces.size(); ++i) {
        std::swap(pieces[i], pieces[i + next() % 4]);
    }
    return pieces;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > (64U << 10)) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    const std::size_t middle = std::min(bytes.find('\xff'), bytes.size());
    const std::string_view streams[2] = {bytes.substr(0, middle), middle < bytes.size()
                                                                      ? bytes.substr(middle + 1)
                                                                      : bytes.substr(0, 0)};
    const std::uint32_t random = data[0] + data[1] * 256U;
    Outcome whole;
    Outcome pieces;
    HttpConversation first(1'000);
    HttpConversation second(1'000);
    for (const int direction : {0, 1}) {
        const std::string_view stream = streams[direction];
        if (!stream.empty()) {
            run(stream, direction, {{0, stream}}, first, whole);
            run(stream, direction, cut(stream, random), second, pieces);
        }
    }
    // A stream that only its first byte makes look like a request is taken for one when that byte
    // comes alone.
    if (!whole.sense || first.request_direction() != 0 || !looks_like_request(streams[0])) {
        return 0;
    }
    CHECK(pieces.sense);
    CHECK(whole.messages == pieces.messages);
    for (const int direction : {0, 1}) {
        CHECK(whole.hidden[direction] == pieces.hidden[direction]);
    }
    return 0;
}
