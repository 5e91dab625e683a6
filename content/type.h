// The Content-Type of a file: by its name, and where the name leaves something open, by its bytes.
//
// RULES. A file with an unknown name is text/plain when its bytes look like text, else
// application/octet-stream. Text gets "charset=utf-8" if all of it is valid UTF-8 and it does not
// declare another encoding: the header field outranks what the document says. JSON has no such
// parameter (RFC 8259 section 11). A type that was configured with parameters is sent unchanged. An
// SVG image compressed with gzip (.svgz) is SVG with gzip as its content coding.
//
// Loader's thread; a TypeSniffer may run on another one.
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

// Reads the bytes of one file, in order and in chunks of any size.
class TypeSniffer {
  public:
    // `type` is the one of the file's name, empty when that is unknown; it outlives the sniffer.
    explicit TypeSniffer(std::string_view type);

    void look(std::string_view bytes);
    // The file ends here.
    void end() { ended_ = true; }
    // Whether neither more bytes nor the end can change the verdict.
    [[nodiscard]] bool decided() const;

    struct Verdict {
        std::string_view type;             // static storage, or what the sniffer was given
        bool utf8 = false;                 // append "; charset=utf-8"
        Coding coding = Coding::identity;  // of the file itself
    };
    // By the bytes seen so far: less is said of a file that was not read to its end.
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

// Content types of one store: types by name, and storage for the field values that are sent.
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
