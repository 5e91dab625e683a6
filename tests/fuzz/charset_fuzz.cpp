// Any bytes as a document: whether they are UTF-8 does not depend on how they are cut and agrees
// with a decoder by the book; what they declare depends on the first 1,445 bytes alone.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "content/charset.h"
#include "content/type.h"
#include "core/check.h"

namespace {

using namespace sluice::http;

// RFC 3629 section 3: decodes first, then judges the code point.
bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto lead = static_cast<unsigned char>(text.front());
        const std::size_t bytes = lead < 0x80             ? 1
                                  : (lead & 0xe0) == 0xc0 ? 2
                                  : (lead & 0xf0) == 0xe0 ? 3
                                  : (lead & 0xf8) == 0xf0 ? 4
                                                          : 0;
        if (bytes == 0 || bytes > text.size()) {
            return false;
        }
        std::uint32_t point = bytes == 1 ? lead : lead & (0x7fU >> bytes);
        for (std::size_t i = 1; i < bytes; ++i) {
            const auto next = static_cast<unsigned char>(text[i]);
            if ((next & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (next & 0x3fU);
        }
        constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < kSmallest[bytes] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
            return false;
        }
        text.remove_prefix(bytes);
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const bool valid = is_utf8(text);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{9}, size + 1}) {
        Utf8Check check;
        for (std::size_t at = 0; at < size; at += std::min(piece, size - at)) {
            check.look(text.substr(at, piece));
        }
        CHECK(check.complete() == valid);
        CHECK(check.valid() || !valid);
    }
    for (const Declaration where :
         {Declaration::none, Declaration::html, Declaration::xml, Declaration::css}) {
        const bool other = declares_other_charset(text, where);
        CHECK(declares_other_charset(text.substr(0, kSniffBytes), where) == other);
        if (size >= kDeclarationBytes) {
            CHECK(declares_other_charset(std::string(text) + "<meta charset=latin1>", where) ==
                  other);
        }
        // A mark outranks everything.
        CHECK(!declares_other_charset("\xef\xbb\xbf" + std::string(text), where));
    }
    for (const char* name : {"a.html", "a.xml", "a.css", "a.txt", "README", "a.png"}) {
        ContentTypes types({});
        TypeSniffer sniffer = types.sniffer(name);
        sniffer.look(text);
        sniffer.end();
        const TypeSniffer::Verdict verdict = sniffer.verdict();
        CHECK(!verdict.type.empty());
        CHECK(!verdict.utf8 || valid);
    }
    return 0;
}
