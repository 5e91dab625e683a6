// Charset: what the bytes of a document say about its encoding. Pure; nothing can fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

// Checks for UTF-8 as RFC 3629 has it (no surrogates, no overlong forms, nothing above U+10FFFF),
// in chunks of any size.
class Utf8Check {
  public:
    void look(std::string_view bytes) noexcept;
    // False: some byte so far cannot be UTF-8.
    [[nodiscard]] bool valid() const { return valid_; }
    // Valid, and not in the middle of a character.
    [[nodiscard]] bool complete() const { return valid_ && left_ == 0; }

  private:
    bool valid_ = true;
    // Of the unfinished character: how many bytes are missing, and the bounds of the next one.
    std::uint8_t left_ = 0;
    unsigned char low_ = 0x80;
    unsigned char high_ = 0xbf;
};

// Where a document of some type may declare its encoding.
enum class Declaration : std::uint8_t {
    none,  // only in a byte order mark
    html,  // <meta>, else an XML declaration: the prescan of the HTML Standard, section 13.2.3.2
    xml,   // the XML declaration (XML 1.0 section 4.3.3)
    css,   // @charset (CSS Syntax section 3.2)
};

// How many bytes of a document the two functions below look at.
inline constexpr std::size_t kDeclarationBytes = 1024;
inline constexpr std::size_t kSniffBytes = 1445;

// Whether a document that starts like this declares another encoding than UTF-8: in a declaration,
// or by being UTF-16 or UTF-32, with a byte order mark or without one.
[[nodiscard]] bool declares_other_charset(std::string_view start, Declaration where) noexcept;

// Whether bytes are text and not binary data, by the MIME Sniffing Standard (section 7.2): the
// first 1,445 bytes decide.
[[nodiscard]] bool looks_like_text(std::string_view start) noexcept;

}  // namespace sluice::http
