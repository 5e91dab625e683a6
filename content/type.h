// The Content-Type of a file: by its name, and where that leaves something open, by its bytes.
//
// RULES. A name that is not known stands for text/plain when the bytes look like text, else for
// application/octet-stream. Text gets "charset=utf-8" if all of it is valid UTF-8 and it does not
// declare another encoding: the field outranks what the document says. JSON has no such parameter
// (RFC 8259 section 11), and a type that was given with parameters is sent as it was given.
// A picture of SVG that is compressed with gzip (.svgz) is one only when that is taken off.
//
// Loader's thread; a TypeSniffer may look at bytes on another one.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "content/charset.h"
#include "content/mime.h"
#include "http/entry.h"

namespace sluice::http {

// Looks at the bytes of one file, in their order and in pieces of any size.
class TypeSniffer {
  public:
    // `type` by the name of the file, empty when that is not known; outlives the judge.
    explicit TypeSniffer(std::string_view type);

    void look(std::string_view bytes);
    // The file ends here.
    void end() { ended_ = true; }
    // Whether more bytes, or the end, can change anything.
    [[nodiscard]] bool decided() const;

    struct Verdict {
        std::string_view type;             // static storage, or what the judge was given
        bool utf8 = false;                 // "; charset=utf-8" belongs behind it
        Coding coding = Coding::identity;  // of the file itself
    };
    // By what has been seen: less is said of a file that was not seen to its end.
    [[nodiscard]] Verdict verdict() const;

  private:
    enum class Kind : std::uint8_t { fixed, unknown, text };

    std::string_view type_;
    Kind kind_ = Kind::fixed;
    Declaration declaration_ = Declaration::none;
    bool ended_ = false;
    std::string start_;  // the first kSniffBytes
    Utf8Check utf8_;
};

// Content types of one store: what names stand for, and storage for the lines that are sent.
class ContentTypes {
  public:
    explicit ContentTypes(std::span<const MimeRule> rules) : types_(rules) {}

    [[nodiscard]] TypeSniffer sniffer(std::string_view name) const {
        return TypeSniffer(types_.of(name));
    }
    // The field's value; lives as long as this object.
    [[nodiscard]] std::string_view value_of(const TypeSniffer::Verdict& verdict);

  private:
    MediaTypes types_;
    std::set<std::string, std::less<>> values_;
};

}  // namespace sluice::http
