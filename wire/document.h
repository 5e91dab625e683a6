// A report's text, said once and written as HTML or as Markdown. All text that is handed over is
// plain; the writers escape it. Emphasis inside of a paragraph is `code` between back quotes and
// **strong** between double asterisks, in both.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/notes.h"

namespace sluice::wire {

using Row = std::vector<std::string>;

class Document {
  public:
    virtual ~Document() = default;

    virtual void title(std::string_view text) = 0;
    virtual void heading(int level, std::string_view text) = 0;  // 2 or 3
    virtual void paragraph(std::string_view text) = 0;
    virtual void items(const std::vector<std::string>& texts, bool numbered) = 0;
    virtual void table(const Row& head, const std::vector<Row>& rows) = 0;
    virtual void code(std::string_view text) = 0;
    // A remark that stands out; `mark` is its severity.
    virtual void remark(Severity severity, std::string_view text) = 0;
    // SVG where the format can show it, else `text` as code.
    virtual void drawing(std::string_view svg, std::string_view text, std::string_view caption) = 0;
    // A captured page as a browser would show it, where the format can: inert, with `picture` in
    // place of what `picture_source` names.
    virtual void page(std::string_view html, std::string_view picture_source,
                      std::string_view picture_type, std::string_view picture,
                      std::string_view caption) = 0;
    // Who hands the report in: label and value; the logo is a picture's bytes.
    virtual void profile(const std::vector<Row>& facts, std::string_view logo_type,
                         std::string_view logo) = 0;
    [[nodiscard]] virtual std::string finish() = 0;
};

[[nodiscard]] std::unique_ptr<Document> make_html(Language language);
[[nodiscard]] std::unique_ptr<Document> make_markdown();

[[nodiscard]] std::string base64(std::string_view bytes);  // RFC 4648 section 4

}  // namespace sluice::wire
