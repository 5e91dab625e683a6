// Charset: what the bytes of a document say of how they are encoded. Pure; nothing can fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

// UTF-8 of RFC 3629 (no surrogates, no overlong forms, nothing above U+10FFFF), looked at in
// pieces.
class Utf8Check {
  public:
    void look(std::string_view bytes) noexcept;
    // False: something that was seen cannot be UTF-8.
    [[nodiscard]] bool valid() const { return valid_; }
    // Valid, and not in the middle of a character.
    [[nodiscard]] bool complete() const { return valid_ && left_ == 0; }

  private:
    bool valid_ = true;
    // Of the character that is begun: how many bytes are to come, and the bounds of the next one.
    std::uint8_t left_ = 0;
    unsigned char low_ = 0x80;
    unsigned char high_ = 0xbf;
};

// Where a document of some type may declare its encoding.
enum class Declaration : std::uint8_t {
    none,  // nowhere but in a byte order mark
    html,  // <meta>, else an XML declaration: the prescan of the HTML Standard, section 13.2.3.2
    xml,   // the XML declaration (XML 1.0 section 4.3.3)
    css,   // @charset (CSS Syntax section 3.2)
};

// How much of a document may matter to the two functions below.
inline constexpr std::size_t kDeclarationBytes = 1024;
inline constexpr std::size_t kSniffBytes = 1445;

// Whether a document that begins like this says that it is something else than UTF-8: in a
// declaration, or by being UTF-16 or UTF-32, with a byte order mark or without one.
[[nodiscard]] bool declares_other_charset(std::string_view start, Declaration where) noexcept;

// Whether bytes are text and no binary data, as the MIME Sniffing Standard tells them apart
// (section 7.2): by the first 1,445 of them.
[[nodiscard]] bool looks_like_text(std::string_view start) noexcept;

}  // namespace sluice::http
